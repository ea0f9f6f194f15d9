import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatPlan, formatTable } from '../../../src/cli/output/plan-table.ts'
import type { PlannedImage, PlanReport } from '../../../src/report/plan-report.ts'
import { plain } from './collected.ts'

const long = `registry.test:5000/${'deep/'.repeat(20)}image:v1.2.3-k3s1-build20260101`
const coredns: PlannedImage = {
  source: 'docker.io/rancher/mirrored-coredns:1.12.0',
  destination: 'registry.test/rancher/mirrored-coredns:1.12.0',
  digest: `sha256:${'a'.repeat(64)}`,
  state: 'new',
  platforms: ['linux/amd64', 'linux/arm64'],
  digestPreserved: true,
  blobs: { total: 12, missing: 3 },
  bytes: { total: 30_000_000, missing: 10_000_000, present: 20_000_000 },
  dockerHubPulls: 3,
}
const report: PlanReport = {
  schemaVersion: 1,
  command: 'plan',
  destination: 'registry.test',
  images: [coredns, { ...coredns, source: long, state: 'present', platforms: [], dockerHubPulls: 0 }],
  failures: [],
  totals: {
    images: 2,
    new: 1,
    changed: 0,
    present: 1,
    failed: 0,
    blobsToMove: 3,
    bytesToMove: 10_000_000,
    bytesToMount: 0,
    dockerHubPulls: 3,
  },
  rateLimits: [{ registry: 'docker.io', limit: 100, remaining: 88, windowSeconds: 21_600 }],
  lists: [],
  warnings: [],
}
const linesOf = (plan: PlanReport, verbose = false): string[] => formatPlan(plan, { styles: plain, verbose }).split('\n')

describe('formatPlan', () => {
  it('lines images up, whatever the length of their names', () => {
    const [to, titles, ...rest] = linesOf(report)
    const gap = ' '.repeat(long.length - coredns.source.length)
    assert.equal(to, 'to registry.test')
    assert.equal(titles, `IMAGE${' '.repeat(long.length - 5)}  STATE    BLOBS  TO MOVE  PRESENT  PULLS  PLATFORMS`)
    assert.equal(rest[0], `${coredns.source}${gap}  new       3/12    10 MB    20 MB      3  linux/amd64,linux/arm64`)
    assert.equal(rest[1], `${long}  present      -        -        -      0`)
  })

  it('ends with the totals, the pulls and what is left of them', () => {
    assert.deepEqual(linesOf(report).slice(-5), [
      '',
      '2 images: 1 new, 0 changed, 1 present; 3 blobs, 10 MB to move',
      'Docker Hub pulls: 3',
      'docker.io allows 100 pulls in 6h; 88 are left',
      '',
    ])
  })

  it('warns when fewer pulls are left than needed', () => {
    const short = { ...report, rateLimits: [{ registry: 'docker.io', limit: 100, remaining: 2, windowSeconds: 21_600 }] }
    assert.equal(linesOf(short).at(-2), 'docker.io allows 100 pulls in 6h; 2 are left: fewer than the 3 needed')
  })

  it('says what is mounted instead of moved', () => {
    const mounting = { ...report, totals: { ...report.totals, bytesToMount: 5_000_000 } }
    assert.match(linesOf(mounting).at(-4) ?? '', /10 MB to move, 5 MB to mount$/)
  })

  it('shows where images go when verbose', () => {
    assert.doesNotMatch(linesOf(report).join('\n'), /registry\.test\/rancher/)
    assert.match(linesOf(report, true)[2] ?? '', / registry\.test\/rancher\/mirrored-coredns:1\.12\.0 /)
  })

  it('shows warnings and failures, and no table where there is nothing to show', () => {
    const error = { code: 'NOT_FOUND' as const, message: 'no such tag', hint: 'Check the tag.' }
    const lines = linesOf({
      ...report,
      images: [],
      warnings: ['the list has no checksum'],
      failures: [{ source: 'docker.io/rancher/x:1', destination: 'registry.test/rancher/x:1', error }],
      totals: { ...report.totals, failed: 1 },
    })
    assert.deepEqual(lines.slice(0, 4), [
      'to registry.test',
      'warning: the list has no checksum',
      'docker.io/rancher/x:1 failed: no such tag (NOT_FOUND)',
      '  hint: Check the tag.',
    ])
    assert.match(lines[4] ?? '', /1 present, 1 failed;/)
  })
})

describe('formatTable', () => {
  it('sets numbers to the right', () => {
    const columns = [
      { title: 'A', align: 'left', cell: ([a]: readonly string[]) => a ?? '' },
      { title: 'B', align: 'right', cell: ([, b]: readonly string[]) => b ?? '' },
      { title: 'C', align: 'left', cell: ([, , c]: readonly string[]) => c ?? '' },
    ] as const
    assert.deepEqual(
      formatTable(columns, [
        ['long one', '1', 'x'],
        ['b', '1000', ''],
      ]),
      ['A            B  C', 'long one     1  x', 'b         1000'],
    )
  })
})
