import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { AdaptiveLimit } from '../../src/async/adaptive-limit.ts'

/** Starts tasks that last until they are released; remembers how many ran at once and in which order. */
function tasks(limit: AdaptiveLimit): {
  readonly start: (name: string, priority?: number) => void
  readonly releaseOne: () => Promise<void>
  readonly order: string[]
  readonly running: () => number
} {
  const order: string[] = []
  const releases: (() => void)[] = []
  let running = 0
  return {
    order,
    running: () => running,
    start(name, priority) {
      void limit.run(async () => {
        order.push(name)
        running++
        await new Promise<void>((resolve) => releases.push(resolve))
        running--
      }, priority)
    },
    async releaseOne() {
      releases.shift()?.()
      await turn()
    },
  }
}

test('no more than the bound run at once, the highest priority first, equals in order', async () => {
  const limit = new AdaptiveLimit(2)
  const { start, releaseOne, order, running } = tasks(limit)
  start('a')
  start('b')
  await turn()
  for (const [name, priority] of [
    ['low', 0],
    ['mid1', 5],
    ['high', 9],
    ['mid2', 5],
    ['low2', 0],
  ] as const) {
    start(name, priority)
  }
  await turn()
  assert.equal(running(), 2)
  for (let index = 0; index < 7; index++) {
    assert.ok(running() <= 2)
    await releaseOne()
  }
  assert.deepEqual(order, ['a', 'b', 'high', 'mid1', 'mid2', 'low', 'low2'])
})

test('the first in line takes the place, although another asked before it', async () => {
  const limit = new AdaptiveLimit(1)
  const { start, releaseOne, order } = tasks(limit)
  start('first', 1)
  start('second', 2)
  await turn()
  await releaseOne()
  assert.deepEqual(order, ['second', 'first'])
})

test('a task that fails gives its place back, and a place can be given back twice', async () => {
  const limit = new AdaptiveLimit(1)
  await assert.rejects(limit.run(() => Promise.reject(new Error('no'))))
  assert.equal(await limit.run(() => Promise.resolve(5)), 5)
  const release = await limit.acquire()
  release()
  release()
  const { start, running } = tasks(limit)
  start('a')
  start('b')
  await turn()
  assert.equal(running(), 1)
})

test('a server that refuses far more than it answers is sent half, down to the least', () => {
  const limit = new AdaptiveLimit(64, 8)
  for (let index = 0; index < 7; index++) limit.refused()
  assert.equal(limit.concurrency, 64)
  limit.refused()
  assert.equal(limit.concurrency, 32)
  for (let index = 0; index < 100; index++) limit.refused()
  assert.equal(limit.concurrency, 8)
})

test('a server that refuses half of what it is sent is not sent less', () => {
  const limit = new AdaptiveLimit(64, 8)
  for (let index = 0; index < 500; index++) {
    limit.answered()
    limit.refused()
  }
  assert.equal(limit.concurrency, 64)
})

test('each answer brings one more, up to the most', () => {
  const limit = new AdaptiveLimit(16, 1)
  limit.refused()
  limit.refused()
  assert.equal(limit.concurrency, 4)
  limit.answered()
  assert.equal(limit.concurrency, 5)
  for (let index = 0; index < 100; index++) limit.answered()
  assert.equal(limit.concurrency, 16)
})

test('what was answered long ago does not hide that a server refuses everything now', () => {
  const limit = new AdaptiveLimit(16, 2)
  for (let index = 0; index < 10_000; index++) limit.answered()
  for (let index = 0; index < 40; index++) limit.refused()
  assert.ok(limit.concurrency < 16)
})

test('tasks that run already are not stopped, new ones wait for the smaller bound', async () => {
  const limit = new AdaptiveLimit(4)
  const { start, releaseOne, running } = tasks(limit)
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) start(name)
  await turn()
  limit.refused()
  assert.equal(limit.concurrency, 2)
  assert.equal(running(), 4)
  await releaseOne()
  await releaseOne()
  assert.equal(running(), 2)
  await releaseOne()
  assert.equal(running(), 2)
  limit.answered()
  await turn()
  assert.equal(running(), 3)
})

test('a least above the most is the most', () => {
  assert.equal(new AdaptiveLimit(2, 8).concurrency, 2)
})
