import assert from 'node:assert/strict'
import { test } from 'node:test'
import { yielding } from '../../src/async/yielding.ts'

test('a long loop lets timers through, and ends at the signal', async () => {
  const abort = new AbortController()
  setTimeout(() => abort.abort(new Error('stopped')), 1)
  const pause = yielding(abort.signal)
  await assert.rejects(
    async () => {
      for (;;) await pause()
    },
    { message: 'stopped' },
  )
})
