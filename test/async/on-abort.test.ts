import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onAbort } from '../../src/async/on-abort.ts'

test('every listener is called once, and none that was taken away', () => {
  const abort = new AbortController()
  const called: string[] = []
  onAbort(abort.signal, () => called.push('a'))
  const leave = onAbort(abort.signal, () => called.push('b'))
  onAbort(abort.signal, () => called.push('c'))
  leave()
  abort.abort()
  abort.abort()
  assert.deepEqual(called, ['a', 'c'])
})

test('keeps two signals apart, and accepts no signal', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  let calls = 0
  onAbort(one.signal, () => calls++)
  onAbort(undefined, () => calls++)()
  other.abort()
  assert.equal(calls, 0)
})
