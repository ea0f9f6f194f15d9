import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RunProgress } from '../../src/runs/run-progress.ts'
import { begun, blobCopied, copied, failed, finished, planned, progressed, started } from '../report/sample-events.ts'
import { simulatedRun } from '../report/simulated-run.ts'

test('reports the progress of the run once a second, and at its end', () => {
  const progress = new RunProgress()
  const timed = [
    [0, started('a', 'b')],
    [10, planned('a', 1000)],
    [20, begun('a')],
    [500, progressed('a', 'layer', 1000, 300)],
    [1000, progressed('a', 'layer', 1000, 400)],
    [1100, progressed('a', 'layer', 1000, 500)],
    [1999, blobCopied('a', 'layer', 1000)],
    [2300, copied('a')],
    [2301, failed('b')],
    [2302, finished()],
  ] as const
  const reports = timed.flatMap(([at, event]) => progress.event(event, at) ?? [])
  assert.deepEqual(
    reports.map(({ bytes, totalBytes, images, totalImages }) => [bytes, totalBytes, images, totalImages]),
    [
      [400, 1000, 0, 2],
      [1000, 1000, 1, 2],
      [1000, 1000, 2, 2],
    ],
  )
})

test('ends with all bytes of the images that are done', () => {
  fc.assert(
    fc.property(simulatedRun, ({ events, interrupted }) => {
      const progress = new RunProgress()
      const last = events.map((event) => progress.event(event, 0)).at(-1)
      assert.ok(last)
      if (interrupted) assert.ok(last.bytes <= last.totalBytes)
      else assert.deepEqual([last.bytes, last.images], [last.totalBytes, last.totalImages])
    }),
  )
})
