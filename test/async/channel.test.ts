import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Channel } from '../../src/async/channel.ts'

async function all<T>(channel: Channel<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of channel) values.push(value)
  return values
}

test('every value comes once and in order; of those with a key the last unread one, in the place of the first', async () => {
  const channel = new Channel<string>()
  channel.push('a')
  channel.push('10 %', 'progress')
  channel.push('b')
  channel.push('20 %', 'progress')
  channel.push('1 of 2', 'other')
  channel.end()
  channel.push('too late')
  assert.deepEqual(await all(channel), ['a', '20 %', 'b', '1 of 2'])
})

test('producers and reader in any order', async () => {
  const steps = fc.array(
    fc.oneof(fc.record({ push: fc.nat(), key: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }) }), fc.constant('turn' as const)),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const channel = new Channel<{ readonly id: number; readonly key: string | undefined }>()
      const reading = all(channel)
      const pushed: { readonly id: number; readonly key: string | undefined }[] = []
      for (const [id, step] of script.entries()) {
        if (step === 'turn') {
          await turn()
          continue
        }
        const value = { id, key: step.key }
        pushed.push(value)
        channel.push(value, step.key)
      }
      channel.end()
      const read = await reading
      const without = (values: readonly { readonly key: string | undefined }[]): unknown[] => values.filter(({ key }) => key === undefined)
      assert.deepEqual(without(read), without(pushed))
      for (const key of ['x', 'y']) {
        const ids = read.filter((value) => value.key === key).map(({ id }) => id)
        assert.deepEqual(
          ids,
          [...new Set(ids)].toSorted((a, b) => a - b),
        )
        assert.equal(ids.at(-1), pushed.findLast((value) => value.key === key)?.id)
      }
    }),
    { numRuns: 60 },
  )
})

test('a value that has been read is not replaced', async () => {
  const channel = new Channel<number>()
  const values: number[] = []
  channel.push(1, 'k')
  for await (const value of channel) {
    values.push(value)
    if (value === 1) channel.push(2, 'k')
    else channel.end()
  }
  assert.deepEqual(values, [1, 2])
})

test('a failure comes after the values', async () => {
  const channel = new Channel<number>()
  channel.push(1)
  channel.end({ error: new Error('broken') })
  channel.end()
  const values: number[] = []
  await assert.rejects(
    (async () => {
      for await (const value of channel) values.push(value)
    })(),
    { message: 'broken' },
  )
  assert.deepEqual(values, [1])
  const undefinedFailure = new Channel<number>()
  undefinedFailure.end({ error: undefined })
  await assert.rejects(all(undefinedFailure), (error) => error === undefined)
})

test('reports a reader that leaves early once, and not one that reached the end', async () => {
  let left = 0
  const broken = new Channel<number>(() => left++)
  broken.push(1)
  broken.push(2)
  for await (const _ of broken) break
  assert.equal(left, 1)
  broken.push(3)
  for await (const _ of broken) assert.fail('values without a reader are dropped')

  const thrown = new Channel<number>(() => left++)
  thrown.push(1)
  await assert.rejects(async () => {
    for await (const _ of thrown) throw new Error('mine')
  })
  assert.equal(left, 2)

  const whole = new Channel<number>(() => left++)
  whole.push(1)
  whole.end()
  await all(whole)
  assert.equal(left, 2)
})
