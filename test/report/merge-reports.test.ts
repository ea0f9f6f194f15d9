import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeReports } from '../../src/report/merge-reports.ts'
import { reportHead } from '../../src/report/report-head.ts'
import type { ImageReport, MirrorReport } from '../../src/report/report.ts'

function imageOf(source: string, isFailed = false): ImageReport {
  const facts = {
    source,
    destination: `h/${source}`,
    digestPreserved: true,
    platforms: [],
    bytes: { total: 5, copied: isFailed ? 0 : 5, mounted: 0, present: 0 },
  }
  return isFailed ? { ...facts, status: 'failed', error: { code: 'CANCELLED', message: 'not finished' } } : { ...facts, status: 'copied' }
}

/** The report of a shard of three with these images; `changes` replace its fields. */
function reportOf(index: number, images: readonly ImageReport[], changes: Partial<MirrorReport> = {}): MirrorReport {
  const failed = images.filter(({ status }) => status === 'failed').length
  return {
    ...reportHead(`2026-12-01T00:00:0${index}.000Z`, `2026-12-01T00:01:0${index}.000Z`),
    command: 'mirror',
    destination: 'h',
    images,
    totals: {
      images: images.length,
      copied: images.length - failed,
      replaced: 0,
      upToDate: 0,
      skipped: 0,
      failed,
      bytesCopied: 5 * (images.length - failed),
      bytesSaved: index,
      bytesRetried: 0,
      requests: { source: 10, destination: index },
      seconds: index,
    },
    lists: [{ name: 'v1.37.1+k3s1', sha256: 'a', coverage: 'none', images: 3 }],
    warnings: ['the same', `of ${index}`],
    shard: { index, count: 3, images: 3, list: 'f00' },
    ...changes,
  }
}

const three = [reportOf(1, [imageOf('a'), imageOf('b')]), reportOf(2, [imageOf('c', true)], { interrupted: true }), reportOf(3, [])]
const merge = (reports: readonly MirrorReport[]): MirrorReport =>
  mergeReports(reports.map((report, at) => ({ name: `${at}.json`, report })))
const refused = (reports: readonly MirrorReport[], message: string | RegExp): void =>
  assert.throws(() => merge(reports), { code: 'USAGE', message })

test('the shards of a run become one report, in any order', () => {
  const merged = merge([three[2], three[0], three[1]].filter((report) => report !== undefined))
  assert.deepEqual(merged, {
    ...reportHead('2026-12-01T00:00:01.000Z', '2026-12-01T00:01:03.000Z'),
    command: 'mirror',
    destination: 'h',
    images: [imageOf('a'), imageOf('b'), imageOf('c', true)],
    totals: {
      images: 3,
      copied: 2,
      replaced: 0,
      upToDate: 0,
      skipped: 0,
      failed: 1,
      bytesCopied: 10,
      bytesSaved: 6,
      bytesRetried: 0,
      requests: { source: 30, destination: 6 },
      seconds: 3,
    },
    lists: [{ name: 'v1.37.1+k3s1', sha256: 'a', coverage: 'none', images: 3 }],
    warnings: ['the same', 'of 1', 'of 2', 'of 3'],
    shards: [
      { index: 1, images: 2, failed: 0, bytesCopied: 10, seconds: 1 },
      { index: 2, images: 1, failed: 1, bytesCopied: 0, seconds: 2 },
      { index: 3, images: 0, failed: 0, bytesCopied: 0, seconds: 3 },
    ],
    interrupted: true,
  })
})

test('reports that do not complete each other are refused', () => {
  const [first, second, third] = three as [MirrorReport, MirrorReport, MirrorReport]
  const shardOf = (change: object): MirrorReport => ({ ...third, shard: { index: 3, count: 3, images: 3, list: 'f00', ...change } })
  const { shard: _, ...whole } = third
  refused([], 'there is no report to merge')
  refused([first, second, whole], '2.json is not the report of a shard')
  refused([first, third], 'the report of shard 2 of 3 is missing')
  refused([first], 'the report of shards 2, 3 of 3 is missing')
  refused([first, second, third, second], '1.json and 3.json are both reports of shard 2')
  refused([first, { ...second, destination: 'other' }, third], '0.json and 1.json have different destinations')
  refused([first, { ...second, command: 'bundle push' }, third], '0.json and 1.json are reports of different commands')
  refused([first, second, shardOf({ count: 4 })], '0.json and 2.json have different numbers of shards')
  refused([first, second, shardOf({ list: 'bad' })], '0.json and 2.json are shards of different lists')
  refused([first, second, { ...third, images: [imageOf('a')] }], 'the reports name 3 of the 3 images of the list')
  refused([first, { ...second, images: [] }, third], 'the reports name 2 of the 3 images of the list')
})
