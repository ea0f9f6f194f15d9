import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReportFold } from '../../src/report/fold-report.ts'
import { parseReport } from '../../src/report/parse-report.ts'

const fold = new ReportFold('mirror')
fold.event({
  type: 'run-started',
  command: 'mirror',
  destination: 'h',
  startedAt: '2026-12-01T00:00:00.000Z',
  images: [{ image: 'a', destination: 'h/a' }],
  shard: { index: 1, count: 2, images: 2, list: 'f00' },
})
const report = fold.report()

test('a report is read as it was written', () => {
  assert.deepEqual(parseReport(JSON.stringify(report), 'r.json'), report)
})

test('other text is refused with the part that is wrong', () => {
  const refused = (document: unknown, message: RegExp): void =>
    assert.throws(() => parseReport(typeof document === 'string' ? document : JSON.stringify(document), 'r.json'), {
      code: 'USAGE',
      message,
    })
  refused('{', /^r\.json is not a report: it is not a JSON object$/)
  refused([], /not a JSON object$/)
  refused({ schemaVersion: 2 }, /no schemaVersion 1$/)
  refused(
    { schemaVersion: 1, command: 'mirror', error: { code: 'USAGE', message: 'no list' } },
    /^r\.json is of a run that did not begin: no list$/,
  )
  refused({ ...report, totals: undefined }, /"totals" is missing or invalid$/)
  refused({ ...report, totals: { ...report.totals, failed: -1 } }, /"totals" is missing or invalid$/)
  refused({ ...report, images: [{ ...report.images[0], error: undefined }] }, /"images" is missing or invalid$/)
  refused({ ...report, images: [{ ...report.images[0], bytes: {} }] }, /"images" is missing or invalid$/)
  refused({ ...report, shard: { index: '1' } }, /"shard" is missing or invalid$/)
  for (const count of [0, 1_000_000_000]) refused({ ...report, shard: { ...report.shard, count } }, /"shard" is missing or invalid$/)
  refused({ ...report, images: undefined, destinations: [report] }, /is a report of several destinations, which cannot be merged$/)
})
