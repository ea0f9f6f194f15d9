import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerCache } from '../../src/fan-out/answer-cache.ts'

/** A cache for readers `a` and `b`, and how often it has asked. */
function cacheFor(mostBytes = 100) {
  const [a, b] = [{}, {}]
  const cache = new AnswerCache<string>(mostBytes, ({ length }) => length)
  cache.join(a)
  cache.join(b)
  let asked = 0
  const ask = async (): Promise<string> => `answer ${++asked}`
  return { a, b, cache, ask }
}

test('asks once for all, and anew for a reader that has had the answer', async () => {
  const { a, b, cache, ask } = cacheFor()
  assert.equal(await cache.get(a, 'x', ask), 'answer 1')
  assert.ok(cache.has(b, 'x') && !cache.has(a, 'x'))
  assert.equal(await cache.get(b, 'x', ask), 'answer 1')
  assert.ok(!cache.has(b, 'x'))
  assert.equal(await cache.get(a, 'x', ask), 'answer 2')
  assert.equal(await cache.get(a, 'x', ask), 'answer 3')
  assert.equal(await cache.get(b, 'x', ask), 'answer 3')
})

test('forgets a failure, what a reader that has left would have needed, and the oldest answers beyond the limit', async () => {
  const { a, b, cache, ask } = cacheFor(20)
  await assert.rejects(cache.get(a, 'x', () => Promise.reject(new Error('down'))))
  assert.ok(!cache.has(b, 'x'))
  for (const key of ['x', 'y', 'z']) await cache.get(a, key, ask)
  assert.deepEqual(
    ['x', 'y', 'z'].map((key) => cache.has(b, key)),
    [false, true, true],
  )
  cache.leave(b)
  assert.ok(!cache.has(b, 'y'))
})
