import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestFirst } from '../../src/oci/nearest.ts'
import { processorTime } from '../servers/processor-time.ts'

test('the nearest spelling comes first, ties keep their order', () => {
  assert.deepEqual(nearestFirst('stabel', ['latest', 'v1.36', 'stable', 'testing']), ['stable', 'latest', 'v1.36', 'testing'])
  assert.deepEqual(nearestFirst('v1.38', ['stable', 'v1.16', 'v1.36', 'v1.37']), ['v1.36', 'v1.37', 'v1.16', 'stable'])
  assert.deepEqual(nearestFirst('', ['ab', 'a']), ['a', 'ab'])
})

test('of a list without end only the beginning is compared', async () => {
  const endless = Array.from({ length: 1_000_000 }, (_, index) => `${index}`.padEnd(40, 'x'))
  const took = await processorTime(() => assert.equal(nearestFirst('v1.36', endless).length, 10_000))
  assert.ok(took < 10_000, `${took} ms`)
})
