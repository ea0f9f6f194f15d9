import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { MirrorEvent } from '../../src/copy/events.ts'
import { RunTally } from '../../src/report/run-tally.ts'
import { begun, blobCopied, copied, failed, planned, progressed, skipped, started, upToDate } from './sample-events.ts'
import { simulatedRun } from './simulated-run.ts'

function tallyOf(...timed: readonly (readonly [number, MirrorEvent])[]): RunTally {
  const tally = new RunTally()
  for (const [at, event] of timed) tally.event(event, at)
  return tally
}

describe('RunTally', () => {
  it('knows the rate and the time left once every image is resolved', () => {
    const tally = tallyOf(
      [0, started('a', 'b')],
      [0, planned('a', 4_000)],
      [0, begun('a')],
      [1_000, progressed('a', 'layer', 4_000, 1_000)],
    )
    assert.equal(tally.rate(1_000), 1_000)
    assert.equal(tally.timeLeft(1_000), undefined, 'b is not resolved')
    tally.event(planned('b', 0, 'present'), 1_000)
    assert.equal(tally.timeLeft(1_000), 3_000)
  })

  it('has no rate in the first moment', () => {
    assert.equal(tallyOf([0, started('a')]).rate(100), undefined)
  })

  it('forgets bytes older than its window', () => {
    const tally = tallyOf([0, started('a')], [1_000, progressed('a', 'layer', 9e6, 5e6)])
    for (let now = 1_000; now <= 20_000; now += 100) tally.rate(now)
    assert.equal(tally.rate(20_000), 0)
    assert.equal(tally.timeLeft(20_000), undefined)
  })

  it('subtracts a restarted blob, without a negative rate', () => {
    const tally = tallyOf(
      [0, started('a')],
      [0, planned('a', 1_000)],
      [600, progressed('a', 'layer', 1_000, 900)],
      [1_000, progressed('a', 'layer', 1_000, 100)],
    )
    assert.equal(tally.bytesDone, 100)
    assert.equal(tally.rate(1_000), 900)
  })

  it('counts present bytes as done but not in the rate', () => {
    const tally = tallyOf([0, started('a')], [0, planned('a', 1_000)], [1_000, skipped('a', 'layer', 900, 'mounted')])
    assert.equal(tally.bytesDone, 900)
    assert.equal(tally.rate(1_000), 0)
  })

  it('does not count an image as failed that gets a second round', () => {
    const tally = tallyOf([0, started('a')], [0, planned('a', 10)], [0, begun('a')], [1, failed('a', { final: false })])
    assert.deepEqual([tally.failed, tally.imagesDone, tally.inFlight.size], [0, 0, 0])
    tally.event(begun('a', 2), 2)
    assert.equal(tally.inFlight.size, 1)
    tally.event(failed('a'), 3)
    assert.deepEqual([tally.failed, tally.imagesDone, tally.bytesExpected], [1, 1, 0])
  })

  it('counts an image as a whole when it is copied', () => {
    const tally = tallyOf(
      [0, started('a', 'b')],
      [0, planned('a', 100)],
      [1, blobCopied('a', 'layer', 60)],
      [2, copied('a')],
      [3, upToDate('b')],
    )
    assert.deepEqual([tally.copied, tally.upToDate, tally.bytesDone, tally.bytesExpected], [1, 1, 100, 100])
  })

  it('never has more done than expected, nor a negative rate, in any run', () => {
    fc.assert(
      fc.property(simulatedRun, ({ events }) => {
        const tally = new RunTally()
        for (const [index, event] of events.entries()) {
          tally.event(event, index * 100)
          assert.ok(tally.bytesDone >= 0 && tally.bytesDone <= tally.bytesExpected, `${tally.bytesDone} of ${tally.bytesExpected}`)
          assert.ok((tally.rate(index * 100) ?? 0) >= 0)
          assert.ok(tally.imagesDone <= tally.images)
        }
      }),
    )
  })
})
