import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FairQueue } from '../../src/registry-server/fair-queue.ts'

function takeAll(queue: FairQueue<string>): string[] {
  const taken: string[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item)
  return taken
}

test('addresses take turns, users of an address take its turns, and each is served in order', () => {
  const queue = new FairQueue<string>(100)
  for (const item of ['a x 1', 'a x 2', 'a x 3', 'a y 1', 'b x 1', 'b x 2', 'c z 1']) {
    const [address = '', user = ''] = item.split(' ')
    assert.equal(queue.add([address, user], item), undefined)
  }
  assert.deepEqual(takeAll(queue), ['a x 1', 'b x 1', 'c z 1', 'a y 1', 'b x 2', 'a x 2', 'a x 3'])
})

test('a full queue drops the newest of the address and user with the most', () => {
  const queue = new FairQueue<string>(4)
  for (const item of ['a x 1', 'a x 2', 'a y 1', 'b x 1']) queue.add([item[0] ?? '', item[2] ?? ''], item)
  assert.equal(queue.add(['c', 'x'], 'c x 1'), 'a x 2')
  assert.equal(queue.add(['a', 'z'], 'a z 1'), 'a z 1')
  assert.deepEqual(takeAll(queue), ['a x 1', 'b x 1', 'c x 1', 'a y 1'])
  assert.equal(queue.add(['a', 'x'], 'again'), undefined)
  assert.deepEqual(takeAll(queue), ['again'])
})

test('loses nothing, serves nothing twice, and never exceeds its size', () => {
  const step = fc.oneof(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y')), fc.constant('take' as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new FairQueue<string>(5)
      const waiting = new Set<string>()
      for (const [at, next] of steps.entries()) {
        if (next === 'take') {
          const taken = queue.take()
          assert.equal(taken === undefined, waiting.size === 0)
          assert.ok(taken === undefined || waiting.delete(taken))
          continue
        }
        waiting.add(String(at))
        const dropped = queue.add(next, String(at))
        assert.ok(dropped === undefined || waiting.delete(dropped))
        assert.ok(waiting.size <= 5)
      }
      assert.deepEqual(new Set(takeAll(queue)), waiting)
    }),
  )
})
