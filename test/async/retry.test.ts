import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTransient, retry, retryPolicy, type Retry } from '../../src/async/retry.ts'
import { errorCodes, MirrorError, type ErrorCode } from '../../src/errors.ts'

const quick = { baseDelay: 1, maxDelay: 4 }

function failure(code: ErrorCode, retryAfter?: number, cause?: string): MirrorError {
  return new MirrorError(code, `it was ${code}`, {
    retryAfter,
    ...(cause !== undefined && { cause: Object.assign(new Error(cause), { code: cause }) }),
  })
}

/** Fails with each error in turn, or with the last one for ever; counts the attempts. */
function failing(...errors: readonly unknown[]): { readonly attempts: () => number; readonly operation: () => Promise<string> } {
  let attempts = 0
  return {
    attempts: () => attempts,
    operation: () => {
      const error = errors[attempts++]
      return error === undefined ? Promise.resolve('done') : Promise.reject(error)
    },
  }
}

function forEver(error: unknown): { readonly attempts: () => number; readonly operation: () => Promise<string> } {
  return failing(...Array.from({ length: 1000 }, () => error))
}

test('what takes minutes to fail is not tried eight times, and what was given up not once more', async () => {
  const late = (waited: number): MirrorError => new MirrorError('TIMEOUT', 'too late', { cause: { waited } })
  for (const [error, expected] of [
    [late(60_000), 6],
    [late(200_000), 2],
    [late(900_000), 1],
    [failure('TIMEOUT', Infinity), 1],
    [failure('UNREACHABLE', Infinity), 1],
  ] as const) {
    const { attempts, operation } = forEver(error)
    await assert.rejects(retry(operation, quick), error)
    assert.equal(attempts(), expected)
  }
})

// F85
test('three 503 answers are retried, and then the operation succeeds', async () => {
  const error = failure('UNAVAILABLE')
  const { attempts, operation } = failing(error, error, error)
  const retries: Retry[] = []
  assert.equal(await retry(operation, { ...quick, onRetry: (next) => retries.push(next) }), 'done')
  assert.equal(attempts(), 4)
  assert.deepEqual(
    retries.map(({ attempt }) => attempt),
    [1, 2, 3],
  )
  assert.equal(retries[0]?.error, error)
})

test('failures of the network and of overloaded servers are transient', () => {
  assert.deepEqual(
    errorCodes.filter((code) => isTransient(failure(code))),
    ['THROTTLED', 'UNAVAILABLE', 'UNREACHABLE', 'CONNECTION_LOST', 'TIMEOUT'],
  )
  assert.equal(isTransient(new Error('x')), false)
})

// F79, F80
test('how often a failure is retried depends on its kind', async () => {
  for (const [error, expected] of [
    [failure('CONNECTION_LOST'), 6],
    [failure('TIMEOUT'), 6],
    [failure('UNREACHABLE', undefined, 'ECONNREFUSED'), 4],
    [failure('UNREACHABLE', undefined, 'EAI_AGAIN'), 4],
    [failure('UNREACHABLE', undefined, 'ENOTFOUND'), 2],
    [failure('TLS'), 1],
    [failure('PROTOCOL'), 1],
    [failure('DENIED'), 1],
    [new Error('a slip'), 1],
  ] as const) {
    const { attempts, operation } = forEver(error)
    await assert.rejects(retry(operation, { ...quick, retries: 5 }), error)
    assert.equal(attempts(), expected, error.message)
  }
  const { attempts, operation } = forEver(failure('UNREACHABLE', undefined, 'ECONNREFUSED'))
  await assert.rejects(retry(operation, { ...quick, retries: 0 }))
  assert.equal(attempts(), 1)
})

test('the backoff doubles up to its ceiling, with a random part', async () => {
  const delays: number[] = []
  await assert.rejects(
    retry(forEver(failure('TIMEOUT')).operation, { retries: 5, baseDelay: 4, maxDelay: 16, onRetry: ({ delay }) => delays.push(delay) }),
  )
  for (const [index, ceiling] of [4, 8, 16, 16, 16].entries()) {
    const delay = delays[index] ?? 0
    assert.ok(delay >= ceiling / 2 && delay <= ceiling, `${delay} of ${ceiling}`)
  }
})

// F83
test('a Retry-After is waited for exactly, and does not count as an attempt', async () => {
  const delays: number[] = []
  const error = failure('THROTTLED', 3)
  const { operation } = failing(error, error, error, error)
  assert.equal(await retry(operation, { retries: 0, onRetry: ({ delay }) => delays.push(delay) }), 'done')
  assert.deepEqual(delays, [3, 3, 3, 3])
  const nothing = failing(failure('THROTTLED', 0))
  assert.equal(await retry(nothing.operation, { ...quick, retries: 1 }), 'done')
})

// F84
test('endless 429 answers end the operation once its budget is spent', { timeout: 60_000 }, async () => {
  const soon = forEver(failure('THROTTLED', 10))
  await assert.rejects(retry(soon.operation, { maxThrottled: 35 }), { code: 'THROTTLED' })
  assert.equal(soon.attempts(), 4)
  const late = forEver(failure('THROTTLED', 999_999_000))
  await assert.rejects(retry(late.operation), { code: 'THROTTLED' })
  assert.equal(late.attempts(), 1)
  const bare = forEver(failure('THROTTLED'))
  await assert.rejects(retry(bare.operation, { ...quick, retries: 2 }), { code: 'THROTTLED' })
  assert.equal(bare.attempts(), 3)
})

test('an abort ends the wait, and nothing is tried afterwards', async () => {
  const controller = new AbortController()
  const { attempts, operation } = forEver(failure('TIMEOUT'))
  const running = retry(operation, { baseDelay: 60_000, signal: controller.signal, onRetry: () => setImmediate(() => controller.abort()) })
  await assert.rejects(running, { name: 'AbortError' })
  assert.equal(attempts(), 1)
  const reason = new Error('enough')
  await assert.rejects(retry(operation, { signal: AbortSignal.abort(reason) }), reason)
  assert.equal(attempts(), 1)
})

test('the caller can say what may pass', async () => {
  const { attempts, operation } = failing(failure('INTEGRITY'), failure('TIMEOUT'))
  const isTransient = (error: unknown): boolean => (error as MirrorError).code === 'INTEGRITY'
  await assert.rejects(retry(operation, { ...quick, isTransient }), { code: 'TIMEOUT' })
  assert.equal(attempts(), 2)
})

test('what is not asked for is the default', () => {
  assert.deepEqual(retryPolicy(), { retries: 7, baseDelay: 250, maxDelay: 30_000, maxThrottled: 900_000 })
  assert.deepEqual(retryPolicy({ retries: 1 }), { ...retryPolicy(), retries: 1 })
})
