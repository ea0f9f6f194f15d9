import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupCommit } from '../../src/layout/group-commit.ts'

test('a burst costs two writes, and each caller waits for one that began after its call', async () => {
  let value = 0
  const written: number[] = []
  const commit = new GroupCommit(async () => {
    const seen = value
    await new Promise(setImmediate)
    written.push(seen)
  })
  value = 1
  const first = commit.run()
  await Promise.resolve()
  await Promise.all(
    [2, 3, 4].map(async (change) => {
      value = change
      await commit.run()
      assert.ok((written.at(-1) ?? 0) >= change)
    }),
  )
  await first
  assert.deepEqual(written, [1, 4])
})

test('a write that fails fails those who shared it, and the next one runs', async () => {
  let isBroken = true
  const commit = new GroupCommit(async () => {
    if (isBroken) throw new Error('full')
  })
  const results = await Promise.allSettled([commit.run(), commit.run()])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  isBroken = false
  await commit.run()
})
