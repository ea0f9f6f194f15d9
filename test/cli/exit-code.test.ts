import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCodeOfError, exitCodeOfReport, worstExitCode } from '../../src/cli/exit-code.ts'
import { errorCodes, MirrorError, type ErrorCode } from '../../src/errors.ts'

/** The contract: every public code, by what the process exits with. */
const expected: Readonly<Record<number, readonly ErrorCode[]>> = {
  1: [
    'INVALID_MANIFEST',
    'LIST_UNAVAILABLE',
    'NOT_FOUND',
    'UNAUTHORIZED',
    'DENIED',
    'UNSUPPORTED',
    'NO_SUCH_PLATFORM',
    'THROTTLED',
    'UNAVAILABLE',
    'UNREACHABLE',
    'CONNECTION_LOST',
    'TLS',
    'TIMEOUT',
    'PROTOCOL',
    'REFUSED_ADDRESS',
    'LAYOUT_LOCKED',
    'LOCAL_IO',
    'ENGINE_UNAVAILABLE',
    'NO_SPACE',
    'INTERNAL',
  ],
  2: [
    'USAGE',
    'INVALID_REFERENCE',
    'INVALID_LIST',
    'INVALID_REWRITE',
    'INVALID_CONFIG',
    'DESTINATION_COLLISION',
    'RELEASE_NOT_FOUND',
    'CHANNEL_NOT_FOUND',
  ],
  3: ['CHECKSUM_MISMATCH', 'INTEGRITY'],
  130: ['CANCELLED'],
}

const failure = (code: ErrorCode): { error: { code: ErrorCode; message: string } } => ({ error: { code, message: 'why' } })

describe('exit codes', () => {
  for (const code of errorCodes) {
    it(`has one for ${code}`, () => {
      const entry = Object.entries(expected).find(([, codes]) => codes.includes(code))
      assert.ok(entry !== undefined, 'this test does not know the code')
      assert.equal(exitCodeOfError(new MirrorError(code, 'why')), Number(entry[0]))
    })
  }

  it('differs between the two signals', () => {
    const cancelled = new MirrorError('CANCELLED', 'interrupted')
    assert.equal(exitCodeOfError(cancelled, 'SIGINT'), 130)
    assert.equal(exitCodeOfError(cancelled, 'SIGTERM'), 143)
    assert.equal(exitCodeOfReport({ images: [], interrupted: true }, 'SIGTERM'), 143)
    assert.equal(exitCodeOfReport({ images: [], interrupted: true }), 130)
  })

  it('keeps the code of an error that a signal did not cause', () => {
    assert.equal(exitCodeOfError(new MirrorError('USAGE', 'no such option'), 'SIGTERM'), 2)
  })

  it('is 1 for an error that is not a MirrorError', () => {
    assert.equal(exitCodeOfError(new TypeError('oops')), 1)
    assert.equal(exitCodeOfError('oops'), 1)
  })

  it('puts an interruption before refused bytes, and those before any other failure', () => {
    assert.equal(exitCodeOfReport({ images: [{}, {}] }), 0)
    assert.equal(exitCodeOfReport({ images: [{}, failure('NOT_FOUND')] }), 1)
    assert.equal(exitCodeOfReport({ images: [failure('NOT_FOUND'), failure('INTEGRITY')] }), 3)
    assert.equal(exitCodeOfReport({ images: [failure('INTEGRITY'), failure('CANCELLED')], interrupted: true }), 130)
  })
})

it('is the worst of several runs', () => {
  assert.equal(worstExitCode([0, 0]), 0)
  assert.equal(worstExitCode([2, 2]), 2)
  assert.equal(worstExitCode([0, 2]), 1)
  assert.equal(worstExitCode([1, 3, 0]), 3)
  assert.equal(worstExitCode([3, 130]), 130)
})
