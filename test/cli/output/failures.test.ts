import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failureLines, type FailedImage } from '../../../src/cli/output/failures.ts'
import { destinationOf, sourceOf, unreachable } from '../../report/sample-events.ts'
import { plain } from './collected.ts'

const failedOf = (names: readonly string[], error: FailedImage['error'] = unreachable): FailedImage[] =>
  names.map((name) => ({ source: sourceOf(name), error }))

describe('failureLines', () => {
  it('prints a single failure with its hint', () => {
    assert.deepEqual(failureLines(failedOf(['a']), 3, plain), [
      'FAILED docker.io/rancher/a:1: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
  })

  it('does not repeat the name that a message begins with', () => {
    const error = { code: 'NOT_FOUND' as const, message: `${sourceOf('a')} does not exist` }
    assert.deepEqual(failureLines(failedOf(['a'], error), 3, plain), ['FAILED docker.io/rancher/a:1 does not exist (NOT_FOUND)'])
  })

  it('does not repeat the name that a message contains', () => {
    const error = { code: 'DENIED' as const, message: `cannot read ${sourceOf('a')}: registry.test answered 403` }
    assert.deepEqual(failureLines(failedOf(['a'], error), 3, plain), [
      'FAILED docker.io/rancher/a:1: cannot read: registry.test answered 403 (DENIED)',
    ])
  })

  it('groups images that failed for one reason under one error and one hint', () => {
    const tls = { code: 'TLS' as const, message: 'bad certificate' }
    assert.deepEqual(failureLines([...failedOf(['a', 'b', 'c']), ...failedOf(['d'], tls)], 9, plain), [
      'FAILED 3 images: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  docker.io/rancher/a:1',
      '  docker.io/rancher/b:1',
      '  docker.io/rancher/c:1',
      '  hint: check that the registry is up',
      'FAILED docker.io/rancher/d:1: bad certificate (TLS)',
    ])
  })

  it('names no image where all failed for one reason', () => {
    assert.deepEqual(failureLines(failedOf(['a', 'b', 'c']), 3, plain), [
      'FAILED all 3 images: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
  })

  it('groups by reason where messages differ', () => {
    const failures = ['aaa', 'bbb'].map((name) => {
      const reason = 'registry.test:5000 answered 403'
      const message = `cannot write ${destinationOf(name)}: ${reason}`
      return { source: sourceOf(name), error: { code: 'DENIED' as const, message, subject: destinationOf(name), reason } }
    })
    assert.equal(failureLines(failures, 2, plain)[0], 'FAILED all 2 images: registry.test:5000 answered 403 (DENIED)')
  })

  it('does not group failures with different codes', () => {
    const failures = [
      ...failedOf(['a'], { code: 'NOT_FOUND', message: 'no tag' }),
      ...failedOf(['b'], { code: 'DENIED', message: 'no tag' }),
    ]
    assert.deepEqual(failureLines(failures, 2, plain), [
      'FAILED docker.io/rancher/a:1: no tag (NOT_FOUND)',
      'FAILED docker.io/rancher/b:1: no tag (DENIED)',
    ])
  })

  it('names fifty of nine hundred', () => {
    const names = Array.from({ length: 900 }, (_, index) => `image-${index}`)
    const lines = failureLines(failedOf(names), 901, plain)
    assert.equal(lines.length, 53)
    assert.equal(lines.at(-2), '  and 850 more: --output json lists them all')
  })
})
