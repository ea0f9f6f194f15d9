import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watch, type WatchClock } from '../../../src/cli/sync/watch.ts'

const minute = 60_000

/** A clock that jumps to the end of each wait, or stands still until the signal where `isHeld`. */
function simulatedClock(): WatchClock & { time: number; isHeld: boolean; readonly waits: number[] } {
  return {
    time: 0,
    isHeld: false,
    waits: [],
    now() {
      return this.time
    },
    async wait(milliseconds, signal) {
      this.waits.push(milliseconds)
      if (this.isHeld && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      else this.time += milliseconds
    },
  }
}

test('runs at once and then at every interval, counted from the start of the run; the signal ends it', async () => {
  const clock = simulatedClock()
  const abort = new AbortController()
  const starts: number[] = []
  const run = (): Promise<boolean> => {
    starts.push(clock.time)
    clock.time += 2 * minute
    if (starts.length === 50) abort.abort()
    return Promise.resolve(true)
  }
  await watch({ run, interval: () => 10 * minute, signal: abort.signal, clock }).ended
  assert.deepEqual(
    starts,
    Array.from({ length: 50 }, (_, index) => index * 10 * minute),
  )
  assert.equal(clock.waits.length, 49)
})

test('a run that takes longer than the interval delays the next one; two never run at once', async () => {
  const clock = simulatedClock()
  const abort = new AbortController()
  const starts: number[] = []
  let running = 0
  const run = async (): Promise<boolean> => {
    assert.equal(++running, 1)
    starts.push(clock.time)
    clock.time += starts.length === 1 ? 25 * minute : minute
    await Promise.resolve()
    loop.wake()
    running--
    if (starts.length === 3) abort.abort()
    return true
  }
  const loop = watch({ run: () => Promise.resolve().then(run), interval: () => 10 * minute, signal: abort.signal, clock })
  await loop.ended
  assert.deepEqual(starts, [0, 25 * minute, 26 * minute])
})

test('repeats a failed run earlier, and no later than the interval', async () => {
  const clock = simulatedClock()
  const abort = new AbortController()
  const results = [false, false, false, false, false, true, false, true]
  const run = (): Promise<boolean> => {
    const result = results.shift() ?? true
    if (results.length === 0) abort.abort()
    return Promise.resolve(result)
  }
  await watch({ run, interval: () => 10 * minute, signal: abort.signal, clock }).ended
  assert.deepEqual(
    clock.waits.map((wait) => wait / minute),
    [1, 2, 4, 8, 10, 10, 1],
  )
})

test('wake starts the next run during a wait; the signal ends a wait', async () => {
  const clock = simulatedClock()
  clock.isHeld = true
  const abort = new AbortController()
  let count = 0
  const run = (): Promise<boolean> => {
    count++
    return Promise.resolve(true)
  }
  const loop = watch({ run, interval: () => minute, signal: abort.signal, clock })
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
  await turns()
  assert.equal(count, 1)
  loop.wake()
  await turns()
  assert.equal(count, 2)
  abort.abort()
  await loop.ended
  assert.equal(count, 2)
})
