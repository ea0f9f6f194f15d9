import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summariseError } from '../../src/copy/events.ts'
import { MirrorError } from '../../src/errors.ts'

test('an error of ours keeps code, message, hint and side, and nothing of its cause', () => {
  const error = new MirrorError('DENIED', 'no', { hint: 'ask', side: 'destination', cause: new Error('canary'), retryAfter: 5 })
  assert.deepEqual(summariseError(error), { code: 'DENIED', message: 'no', hint: 'ask', side: 'destination' })
  assert.deepEqual(summariseError(new MirrorError('DENIED', 'no')), { code: 'DENIED', message: 'no' })
})

test('anything else is INTERNAL', () => {
  assert.deepEqual(summariseError(new TypeError('x')), { code: 'INTERNAL', message: 'x' })
  assert.deepEqual(summariseError('x'), { code: 'INTERNAL', message: 'x' })
})
