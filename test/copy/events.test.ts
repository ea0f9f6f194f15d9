import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summariseError } from '../../src/copy/events.ts'
import { MirrorError } from '../../src/errors.ts'

test('keeps code, message, hint and side of a MirrorError, without its cause', () => {
  const error = new MirrorError('DENIED', 'no', { hint: 'ask', side: 'destination', cause: new Error('canary'), retryAfter: 5 })
  assert.deepEqual(summariseError(error), { code: 'DENIED', message: 'no', hint: 'ask', side: 'destination' })
  assert.deepEqual(summariseError(new MirrorError('DENIED', 'no')), { code: 'DENIED', message: 'no' })
})

test('reports any other error as INTERNAL', () => {
  assert.deepEqual(summariseError(new TypeError('x')), { code: 'INTERNAL', message: 'x' })
  assert.deepEqual(summariseError('x'), { code: 'INTERNAL', message: 'x' })
})
