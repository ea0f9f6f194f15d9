import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatSummary } from '../../../src/cli/output/summary.ts'
import type { MirrorEvent } from '../../../src/copy/events.ts'
import { foldReport } from '../../report/fold-events.ts'
import {
  begun,
  blobCopied,
  copied,
  destinationOf,
  failed,
  finished,
  planned,
  progressed,
  skipped,
  started,
  upToDate,
} from '../../report/sample-events.ts'
import { plain } from './collected.ts'

const summaryOf = (...events: readonly MirrorEvent[]): string => formatSummary(foldReport(events), plain)

describe('formatSummary', () => {
  it('says what was done, moved, saved and asked, and how long it took', () => {
    assert.equal(
      summaryOf(
        started('a', 'b'),
        planned('a', 60_000_000),
        begun('a'),
        skipped('a', 'base', 12_000_000, 'mounted'),
        progressed('a', 'layer', 40_000_000, 3_000_000),
        progressed('a', 'layer', 40_000_000, 0),
        blobCopied('a', 'layer', 40_000_000),
        copied('a'),
        upToDate('b'),
        finished(),
      ),
      [
        '2 images: 1 copied, 1 up to date, 0 failed',
        'moved 40 MB in 2s at 20 MB/s; 3 MB moved again after a failure',
        'saved 20 MB: 12 MB mounted, 8 MB present already',
        'sent 7 requests to the source, 9 to the destination',
        '',
      ].join('\n'),
    )
  })

  it('names a single failed image with its reason and hint', () => {
    const text = summaryOf(started('a'), failed('a'), finished())
    assert.match(
      text,
      /^docker\.io\/rancher\/a:1 failed: cannot connect to registry\.test:5000 \(UNREACHABLE\)\n {2}hint: Check that the registry is up\.\n1 image: /,
    )
  })

  it('puts images that failed for one reason under one line', () => {
    const names = ['a', 'b', 'c']
    const text = summaryOf(
      started(...names, 'd'),
      ...names.map((name) => failed(name)),
      failed('d', { error: { code: 'TLS', message: 'bad certificate' } }),
      finished(),
    )
    assert.deepEqual(text.split('\n').slice(0, 6), [
      '3 images failed: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  docker.io/rancher/a:1',
      '  docker.io/rancher/b:1',
      '  docker.io/rancher/c:1',
      '  hint: Check that the registry is up.',
      'docker.io/rancher/d:1 failed: bad certificate (TLS)',
    ])
  })

  it('puts images with one reason under it where their messages differ', () => {
    const events = ['aaa', 'bbb'].flatMap((name) => [
      failed(name, {
        error: {
          code: 'DENIED',
          message: `cannot write ${destinationOf(name)}: registry.test:5000 answered 403`,
          subject: destinationOf(name),
          reason: 'registry.test:5000 answered 403',
        },
      }),
    ])
    const [line] = summaryOf(started('aaa', 'bbb'), ...events, finished()).split('\n')
    assert.equal(line, '2 images failed: registry.test:5000 answered 403 (DENIED)')
  })

  it('keeps images apart that failed for different reasons', () => {
    const text = summaryOf(
      started('a', 'b'),
      failed('a', { error: { code: 'NOT_FOUND', message: 'no tag' } }),
      failed('b', { error: { code: 'DENIED', message: 'no tag' } }),
      finished(),
    )
    assert.match(text, /^docker\.io\/rancher\/a:1 failed: no tag \(NOT_FOUND\)\ndocker\.io\/rancher\/b:1 failed: no tag \(DENIED\)\n/)
  })

  it('names ten of nine hundred', () => {
    const names = Array.from({ length: 900 }, (_, index) => `image-${index}`)
    const text = summaryOf(started(...names), ...names.map((name) => failed(name)), finished())
    assert.match(text, /^900 images failed: /)
    assert.match(text, /\n {2}and 890 more, named in the JSON report\n/)
    assert.equal(text.split('\n').length, 18)
  })

  it('says that a run was interrupted', () => {
    assert.match(summaryOf(started('a'), finished(true)), /\ninterrupted; 1 image: 0 copied, 0 up to date, 1 failed\n/)
  })

  it('says where digests changed and what was left out', () => {
    const subset: MirrorEvent = { ...(planned('a', 10) as Extract<MirrorEvent, { type: 'image-planned' }>), digestPreserved: false }
    const text = summaryOf(started('a'), subset, skipped('a', 'windows', 10, 'foreign'), copied('a'), finished())
    assert.match(text, /\n1 image with a new index over the chosen platforms, and so with a new digest\n/)
    assert.match(text, /\n1 foreign layer left out/)
  })
})
