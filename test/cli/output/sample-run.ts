import type { PlannedImage, PlanReport } from '../../../src/report/plan-report.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import type { MirrorReport } from '../../../src/report/report.ts'
import { foldReport } from '../../report/fold-events.ts'
import { copied, destinationOf, digestOf, failed, finished, planned, sourceOf, started, upToDate } from '../../report/sample-events.ts'

/** The digest that the moved tags had before. */
export const oldDigest = digestOf('old')

/** A run in which `a` failed, `b` was replaced, `c` was up to date, and `d` was skipped; `text` is in its warning and in the failure. */
export function sampleRun(text = 'oddly configured'): MirrorReport {
  return foldReport([
    started('a', 'b', 'c', 'd'),
    planned('b', 10, 'changed'),
    { ...copied('b'), previousDigest: oldDigest } as ReturnType<typeof copied>,
    upToDate('c'),
    { type: 'image-skipped', image: sourceOf('d'), destination: destinationOf('d'), digest: digestOf('d'), previousDigest: oldDigest },
    failed('a', { error: { code: 'NOT_FOUND', message: `not found: ${text}`, hint: 'check options.from' } }),
    { type: 'warning', message: text },
    finished(),
  ])
}

/** A plan in which `a` failed, `b` is changed, and `d` is skipped. */
export function samplePlan(text = 'oddly configured'): PlanReport {
  const facts = { platforms: ['linux/amd64'], digestPreserved: true, blobs: { total: 0, missing: 0 }, dockerHubPulls: 0 }
  const image = (name: string, state: PlannedImage['state']): PlannedImage => ({
    source: sourceOf(name),
    destination: destinationOf(name),
    digest: digestOf(name),
    state,
    previousDigest: oldDigest,
    bytes: { total: 5, missing: 5, present: 0 },
    ...facts,
  })
  return {
    ...reportHead('2026-01-02T03:04:05.000Z', '2026-01-02T03:04:06.500Z'),
    command: 'plan',
    destination: 'registry.test:5000',
    images: [image('b', 'changed'), image('d', 'skipped')],
    failures: [{ source: sourceOf('a'), destination: destinationOf('a'), error: { code: 'NOT_FOUND', message: text } }],
    totals: {
      images: 3,
      new: 0,
      changed: 1,
      present: 0,
      skipped: 1,
      failed: 1,
      blobsToMove: 1,
      bytesToMove: 5,
      bytesToMount: 0,
      dockerHubPulls: 0,
    },
    rateLimits: [],
    lists: [{ name: 'v1.37.1+k3s1', release: 'v1.37.1+k3s1', sha256: 'a'.repeat(64), coverage: 'none', images: 3 }],
    warnings: [text],
  }
}
