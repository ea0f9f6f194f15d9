import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { MirrorEvent } from '../../src/copy/events.ts'
import { ReportFold } from '../../src/report/fold-report.ts'
import { version } from '../../src/version.ts'
import { foldReport } from './fold-events.ts'
import {
  begun,
  blobCopied,
  copied,
  destinationOf,
  digestOf,
  failed,
  finished,
  manifestCopied,
  planned,
  progressed,
  skipped,
  sourceOf,
  started,
  unreachable,
  upToDate,
} from './sample-events.ts'
import { simulatedRun } from './simulated-run.ts'

describe('foldReport', () => {
  it('reports a run that copied one image', () => {
    const report = foldReport([
      started('coredns'),
      planned('coredns', 1000),
      begun('coredns'),
      skipped('coredns', 'base', 200, 'mounted'),
      skipped('coredns', 'config', 50, 'present'),
      progressed('coredns', 'layer', 740, 100),
      blobCopied('coredns', 'layer', 740),
      manifestCopied('coredns', 10),
      copied('coredns'),
      finished(),
    ])
    assert.deepEqual(report, {
      schemaVersion: 1,
      tool: { name: 'k3s-mirror', version },
      startedAt: '2026-01-02T03:04:05.000Z',
      finishedAt: '2026-01-02T03:04:07.000Z',
      command: 'mirror',
      destination: 'registry.test:5000',
      images: [
        {
          source: 'docker.io/rancher/coredns:1',
          destination: 'registry.test:5000/rancher/coredns:1',
          digest: digestOf('coredns'),
          state: 'new',
          status: 'copied',
          digestPreserved: true,
          platforms: ['linux/amd64'],
          bytes: { total: 1000, copied: 750, mounted: 200, present: 50 },
        },
      ],
      totals: {
        images: 1,
        copied: 1,
        replaced: 0,
        upToDate: 0,
        skipped: 0,
        failed: 0,
        bytesCopied: 750,
        bytesSaved: 250,
        bytesRetried: 0,
        requests: { source: 7, destination: 9 },
        seconds: 2,
      },
      lists: [],
      warnings: [],
    })
  })

  it('lists images in the order of the list, in whichever order they finish', () => {
    const report = foldReport([started('a', 'b', 'c'), upToDate('c'), upToDate('b'), upToDate('a'), finished()])
    assert.deepEqual(
      report.images.map((image) => image.source),
      ['a', 'b', 'c'].map(sourceOf),
    )
    assert.equal(report.totals.upToDate, 3)
  })

  it('counts the contents of an up-to-date image as present only where they were read', () => {
    const report = foldReport([
      started('a', 'b'),
      planned('a', 0, 'present'),
      upToDate('a'),
      planned('b', 300, 'present'),
      upToDate('b'),
      finished(),
    ])
    assert.deepEqual(
      report.images.map((image) => image.bytes),
      [
        { total: 0, copied: 0, mounted: 0, present: 0 },
        { total: 300, copied: 0, mounted: 0, present: 300 },
      ],
    )
  })

  it('reports why an image failed, without a digest that was never resolved', () => {
    const [image] = foldReport([started('a'), failed('a'), finished()]).images
    assert.equal(image?.status, 'failed')
    assert.deepEqual(image?.error, unreachable)
    assert.equal('digest' in (image ?? {}), false)
  })

  it('replaces the first failure by the result of the second round', () => {
    const report = foldReport([
      started('a'),
      planned('a', 110),
      begun('a'),
      blobCopied('a', 'layer', 100),
      failed('a', { final: false }),
      begun('a', 2),
      skipped('a', 'layer', 100, 'present'),
      manifestCopied('a', 10),
      copied('a'),
      finished(),
    ])
    assert.equal(report.images[0]?.status, 'copied')
    assert.equal(report.images[0]?.error, undefined)
    assert.equal(report.totals.failed, 0)
    assert.deepEqual(
      report.images[0]?.bytes,
      { total: 110, copied: 110, mounted: 0, present: 0 },
      'moved in round one, so not saved in round two',
    )
  })

  it('keeps the last reason of an image that failed twice', () => {
    const report = foldReport([
      started('a'),
      failed('a', { final: false }),
      begun('a', 2),
      failed('a', { error: { code: 'INTEGRITY', message: 'wrong digest' } }),
      finished(),
    ])
    assert.equal(report.images[0]?.error?.code, 'INTEGRITY')
  })

  it('counts a restarted blob once, and the repeated bytes separately', () => {
    const { images, totals } = foldReport([
      started('a'),
      planned('a', 500),
      begun('a'),
      progressed('a', 'layer', 500, 300),
      progressed('a', 'layer', 500, 0),
      progressed('a', 'layer', 500, 500),
      blobCopied('a', 'layer', 500),
      copied('a'),
      finished(),
    ])
    assert.equal(images[0]?.bytes.copied, 500)
    assert.equal(totals.bytesRetried, 300)
  })

  it('counts a blob that was reported present and then copied as copied', () => {
    const { images } = foldReport([
      started('a'),
      planned('a', 100),
      skipped('a', 'layer', 100, 'present'),
      blobCopied('a', 'layer', 100),
      copied('a'),
      finished(),
    ])
    assert.deepEqual(images[0]?.bytes, { total: 100, copied: 100, mounted: 0, present: 0 })
  })

  it('counts skipped foreign layers, and not their bytes', () => {
    const { images } = foldReport([
      started('a'),
      planned('a', 10),
      skipped('a', 'windows', 4_000, 'foreign'),
      manifestCopied('a', 10),
      copied('a'),
      finished(),
    ])
    assert.equal(images[0]?.foreignLayersSkipped, 1)
    assert.equal(images[0]?.bytes.total, 10)
  })

  it('lists unfinished images of an interrupted run as failed with CANCELLED', () => {
    const report = foldReport([started('a', 'b', 'c'), upToDate('a'), planned('b', 10), begun('b'), finished(true)])
    assert.equal(report.interrupted, true)
    assert.deepEqual(
      report.images.map((image) => image.error?.code),
      [undefined, 'CANCELLED', 'CANCELLED'],
    )
    assert.equal(report.images[2]?.destination, destinationOf('c'))
  })

  it('keeps the reason of an image whose second round was interrupted', () => {
    const report = foldReport([started('a'), failed('a', { final: false }), begun('a', 2), finished(true)])
    assert.equal(report.images[0]?.error?.code, 'UNREACHABLE')
  })

  it('reports the new digest of a subset of platforms', () => {
    const subset: MirrorEvent = { ...(planned('a', 10) as Extract<MirrorEvent, { type: 'image-planned' }>), digestPreserved: false }
    assert.equal(foldReport([started('a'), subset, copied('a'), finished()]).images[0]?.digestPreserved, false)
  })

  it('keeps warnings', () => {
    const report = foldReport([
      started('a'),
      { type: 'warning', message: 'the list has no checksum' },
      { type: 'warning', message: 'has no tag', image: sourceOf('a') },
      finished(),
    ])
    assert.deepEqual(report.warnings, ['the list has no checksum', 'docker.io/rancher/a:1: has no tag'])
  })

  it('reports the lists that the images came from', () => {
    const list = { name: 'v1.37.1+k3s1', sha256: 'a'.repeat(64), coverage: 'checksum-file', release: 'v1.37.1+k3s1', images: 8 } as const
    assert.deepEqual(foldReport([started(), { type: 'list-read', ...list }, finished()]).lists, [list])
  })

  it('returns a report during the run', () => {
    const fold = new ReportFold('mirror')
    fold.event(started('a'))
    assert.equal(fold.report().totals.failed, 1)
    fold.event(upToDate('a'))
    assert.equal(fold.report().totals.failed, 0)
  })

  it('has consistent totals after any run', () => {
    fc.assert(
      fc.property(simulatedRun, (run) => {
        const { images, totals, interrupted } = foldReport(run.events)
        assert.deepEqual(new Map(images.map((image) => [image.source, image.status])), run.outcomes)
        assert.equal(totals.images, run.outcomes.size)
        assert.equal(totals.copied + totals.upToDate + totals.failed, totals.images)
        assert.equal(totals.bytesCopied, run.bytesCopied)
        assert.equal(totals.bytesRetried, run.bytesRetried)
        assert.equal(interrupted ?? false, run.interrupted)
        let saved = 0
        for (const { bytes, status, error } of images) {
          const sum = bytes.copied + bytes.mounted + bytes.present
          if (status === 'failed') assert.ok(sum <= bytes.total)
          else assert.equal(sum, bytes.total)
          assert.equal(error !== undefined, status === 'failed')
          saved += bytes.mounted + bytes.present
        }
        assert.equal(totals.bytesSaved, saved)
        const report = foldReport(run.events)
        assert.deepEqual(JSON.parse(JSON.stringify(report)), report, 'plain JSON')
      }),
    )
  })
})
