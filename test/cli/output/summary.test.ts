import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatSummary } from '../../../src/cli/output/summary.ts'
import type { MirrorEvent, RunCommand } from '../../../src/copy/events.ts'
import { ReportFold } from '../../../src/report/fold-report.ts'
import {
  begun,
  blobCopied,
  copied,
  failed,
  finished,
  planned,
  progressed,
  skipped,
  started,
  startedAs,
  upToDate,
} from '../../report/sample-events.ts'
import { plain } from './collected.ts'

function summaryOf(command: RunCommand, ...events: readonly MirrorEvent[]): string {
  const fold = new ReportFold(command)
  for (const event of events) fold.event(event)
  return formatSummary(fold.report(), plain)
}

const moved = [
  planned('a', 60_000_000),
  begun('a'),
  skipped('a', 'base', 12_000_000, 'mounted'),
  progressed('a', 'layer', 40_000_000, 3_000_000),
  progressed('a', 'layer', 40_000_000, 0),
  blobCopied('a', 'layer', 40_000_000),
  copied('a'),
  upToDate('b'),
  finished(),
]

describe('formatSummary', () => {
  it('reports the images, the bytes transferred and reused, the time and the requests', () => {
    assert.equal(
      summaryOf('mirror', started('a', 'b'), ...moved),
      [
        '2 images: 1 copied, 1 up to date',
        'transferred 40 MB in 2s (20 MB/s); 3 MB sent again after failures',
        'reused 8 MB already present, 12 MB mounted from other repositories',
        'sent 7 requests to the source, 9 to the destination',
        '',
      ].join('\n'),
    )
  })

  it('uses the words of the command', () => {
    const firstLine = (command: RunCommand): string | undefined => summaryOf(command, startedAs(command, 'a', 'b'), ...moved).split('\n')[0]
    assert.equal(firstLine('bundle create'), '2 images: 1 added, 1 in the base bundle')
    assert.equal(firstLine('bundle push'), '2 images: 1 pushed, 1 up to date')
    assert.equal(firstLine('bundle load'), '2 images: 1 loaded, 1 already loaded')
  })

  it('calls nothing mounted in a layout or a bundle', () => {
    const events = [{ ...started('a', 'b'), destination: 'oci:layout' } as MirrorEvent, ...moved]
    assert.match(summaryOf('mirror', ...events), /^reused 8 MB already present, 12 MB shared between images$/m)
    assert.match(
      summaryOf('bundle create', started('a', 'b'), ...moved),
      /^reused 8 MB from the base bundle or an earlier attempt, 12 MB shared between images$/m,
    )
  })

  it('is one line where everything is up to date', () => {
    assert.equal(summaryOf('mirror', started('a', 'b'), upToDate('a'), upToDate('b'), finished()), 'all 2 images are up to date\n')
    assert.equal(summaryOf('mirror', started('a'), upToDate('a'), finished()), '1 image is up to date\n')
    assert.equal(summaryOf('bundle load', started('a'), upToDate('a'), finished()), '1 image is already loaded\n')
  })

  it('counts failed images and leaves the failures to the renderer', () => {
    assert.equal(summaryOf('mirror', started('a', 'b'), failed('a'), upToDate('b'), finished()), '2 images: 1 up to date, 1 failed\n')
  })

  it('calls the rest of an interrupted run not finished, and gives one hint', () => {
    assert.equal(
      summaryOf('mirror', started('a', 'b', 'c', 'd'), copied('a'), failed('b'), finished(true)),
      [
        'interrupted; 4 images: 1 copied, 1 failed, 2 not finished',
        'hint: run the same command again; it copies only what is missing',
        '',
      ].join('\n'),
    )
  })

  it('reports that a bundle was not written because an image failed', () => {
    assert.equal(
      summaryOf('bundle create', started('a', 'b'), failed('a'), finished()),
      '2 images: 1 failed, 1 not finished\nno bundle was written: every image must be complete\n',
    )
  })

  it('reports new digests and skipped layers', () => {
    const subset: MirrorEvent = { ...(planned('a', 10) as Extract<MirrorEvent, { type: 'image-planned' }>), digestPreserved: false }
    const text = summaryOf('mirror', started('a'), subset, skipped('a', 'windows', 10, 'foreign'), copied('a'), finished())
    assert.match(text, /\n1 image has a new digest: the index lists only the chosen platforms\n/)
    assert.match(text, /\nskipped 1 foreign layer: /)
  })
})
