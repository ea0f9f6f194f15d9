import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCodeOfError, exitCodeOfReport, worstExitCode } from '../../src/cli/exit-code.ts'
import { errorCodes, MirrorError, type ErrorCode } from '../../src/errors.ts'

/** The contract: every public code, by what the process exits with. */
const expected: Readonly<Record<number, readonly ErrorCode[]>> = {
  1: ['INTERNAL'],
  2: [
    'USAGE',
    'INVALID_REFERENCE',
    'INVALID_LIST',
    'INVALID_REWRITE',
    'INVALID_CONFIG',
    'DESTINATION_COLLISION',
    'RELEASE_NOT_FOUND',
    'CHANNEL_NOT_FOUND',
    'NOT_FOUND',
    'INVALID_MANIFEST',
    'UNSUPPORTED',
    'NO_SUCH_PLATFORM',
  ],
  3: ['CHECKSUM_MISMATCH', 'INTEGRITY', 'TAG_MOVED'],
  6: [
    'LIST_UNAVAILABLE',
    'UNAUTHORIZED',
    'DENIED',
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
  ],
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

  it('is 2 for a path that does not exist, and 6 for one that cannot be used', () => {
    const exit = (code: string): number => exitCodeOfError(new MirrorError('LOCAL_IO', 'why', { cause: { code } }))
    assert.deepEqual(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'ENOSPC'].map(exit), [2, 2, 2, 6, 6])
  })

  it('is 6 for a report whose error left every image undone, and 1 where one was done', () => {
    const { error } = failure('UNREACHABLE')
    assert.equal(exitCodeOfReport({ images: [failure('UNREACHABLE')], error }), 6)
    assert.equal(exitCodeOfReport({ images: [], error }), 6)
    assert.equal(exitCodeOfReport({ images: [{}, failure('UNREACHABLE')], error }), 1)
    assert.equal(exitCodeOfReport({ images: [], error: failure('INTEGRITY').error }), 3)
  })

  it('is 5 for a change that counts, and that of any failure otherwise', () => {
    assert.equal(exitCodeOfReport({ images: [{}] }, undefined, true), 5)
    assert.equal(exitCodeOfReport({ images: [{}, failure('NOT_FOUND')] }, undefined, true), 1)
    assert.equal(exitCodeOfReport({ images: [{}], interrupted: true }, 'SIGTERM', true), 143)
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
