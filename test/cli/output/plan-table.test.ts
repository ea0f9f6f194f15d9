import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatPlan } from '../../../src/cli/output/plan-table.ts'
import type { PlannedImage, PlanReport } from '../../../src/report/plan-report.ts'
import { reportHead } from '../../../src/report/report-head.ts'
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
  ...reportHead('2026-01-02T03:04:05.000Z'),
  command: 'plan',
  destination: 'registry.test',
  images: [coredns, { ...coredns, source: long, state: 'present', platforms: [], dockerHubPulls: 0 }],
  failures: [],
  totals: {
    images: 2,
    new: 1,
    changed: 0,
    present: 1,
    skipped: 0,
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
  it('aligns the columns, whatever the length of the names', () => {
    const [to, titles, ...rest] = linesOf(report)
    const gap = ' '.repeat(long.length - coredns.source.length)
    assert.equal(to, 'destination: registry.test')
    assert.equal(titles, `IMAGE${' '.repeat(long.length - 5)}  STATE    BLOBS TO COPY  TO COPY  PRESENT  HUB PULLS  PLATFORMS`)
    assert.equal(rest[0], `${coredns.source}${gap}  new            3 of 12    10 MB    20 MB          3  linux/amd64,linux/arm64`)
    assert.equal(rest[1], `${long}  present              -        -        -          0`)
  })

  it('ends with the totals, the pulls and how many are left', () => {
    assert.deepEqual(linesOf(report).slice(-6), [
      '',
      '2 images: 1 new, 1 present',
      'to copy: 3 blobs, 10 MB',
      'Docker Hub counts 3 pulls',
      'docker.io allows 100 pulls in 6h, 88 left',
      '',
    ])
  })

  it('warns when fewer pulls are left than needed', () => {
    const short = { ...report, rateLimits: [{ registry: 'docker.io', limit: 100, remaining: 2, windowSeconds: 21_600 }] }
    assert.equal(linesOf(short).at(-2), 'docker.io allows 100 pulls in 6h, 2 left: fewer than the 3 needed')
  })

  it('names the bytes that need no transfer, by the kind of destination', () => {
    const mounting = { ...report, totals: { ...report.totals, bytesToMount: 5_000_000 } }
    assert.match(linesOf(mounting).at(-4) ?? '', /10 MB; to reuse: 5 MB mounted from other repositories$/)
    assert.match(linesOf({ ...mounting, destination: 'oci:layout' }).at(-4) ?? '', /10 MB; to reuse: 5 MB shared between images$/)
  })

  it('reports that everything is up to date, without empty columns', () => {
    const image = { ...coredns, state: 'present' as const, platforms: [], dockerHubPulls: 0, bytes: { total: 0, missing: 0, present: 0 } }
    const totals = { ...report.totals, new: 0, present: 2, dockerHubPulls: 0 }
    assert.deepEqual(linesOf({ ...report, images: [image, image], totals, rateLimits: [] }), [
      'destination: registry.test',
      `IMAGE${' '.repeat(image.source.length - 5)}  STATE`,
      `${image.source}  present`,
      `${image.source}  present`,
      '',
      'all 2 images are up to date',
      '',
    ])
  })

  it('fits a terminal, and is printed whole elsewhere and with verbose', () => {
    const styles = { ...plain, width: 80 }
    const lines = formatPlan(report, { styles }).split('\n')
    assert.ok(
      lines.every((line) => line.length <= 80),
      lines.join('\n'),
    )
    assert.match(lines[2] ?? '', /^docker\.io\/…\/mirrored-coredns:1\.12\.0 |^…\/\S*:1\.12\.0 /)
    assert.match(formatPlan(report, { styles, verbose: true }), /deep\/deep\/image:v1\.2\.3-k3s1-build20260101 /)
  })

  it('shows the destination of each image when verbose', () => {
    assert.doesNotMatch(linesOf(report).join('\n'), /registry\.test\/rancher/)
    assert.match(linesOf(report, true)[2] ?? '', / registry\.test\/rancher\/mirrored-coredns:1\.12\.0 /)
  })

  it('shows warnings and failures, and no table without images', () => {
    const error = { code: 'NOT_FOUND' as const, message: 'no such tag', hint: 'check the tag' }
    const lines = linesOf({
      ...report,
      images: [],
      warnings: ['the list has no checksum'],
      failures: [{ source: 'docker.io/rancher/x:1', destination: 'registry.test/rancher/x:1', error }],
      totals: { ...report.totals, failed: 1 },
    })
    assert.deepEqual(lines.slice(0, 4), [
      'destination: registry.test',
      'warning: the list has no checksum',
      'FAILED docker.io/rancher/x:1: no such tag (NOT_FOUND)',
      '  hint: check the tag',
    ])
    assert.match(lines[4] ?? '', /1 present, 1 failed$/)
  })
})
