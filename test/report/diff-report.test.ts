import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { foldDiff, type ComparedImage, type DiffSurvey } from '../../src/report/diff-report.ts'

const side = { given: 'a.txt', kind: 'list', images: 2, lists: [] } as const
const name = (reference: string) => ({ reference })
const images: readonly ComparedImage[] = [
  { state: 'unchanged', a: name('r.example/x:1'), b: name('r.example/x:1') },
  { state: 'retagged', a: name('r.example/y:1'), b: name('r.example/y:2'), dockerHubPulls: 3, written: 0 },
  { state: 'removed', a: name('r.example/z:1'), b: null },
  { state: 'added', a: null, b: name('r.example/w:1'), error: { code: 'NOT_FOUND', message: 'r.example/w:1 not found' } },
]
const base: DiffSurvey = { startedAt: '2026-01-02T03:04:05.000Z', a: side, b: side, images, pullsUsed: 5, rateLimits: [], warnings: [] }

test('orders images by state, and sums what is copied', () => {
  const [digest, held] = ['new', 'held'].map((text) => sha256(Buffer.from(text))) as [ReturnType<typeof sha256>, ReturnType<typeof sha256>]
  const transfer = {
    images: [{ blobs: { total: 2, copied: 1 }, bytes: { total: 900, copied: 300 } }],
    blobs: [
      { digest, size: 200, isHeld: false, images: [0] },
      { digest: held, size: 600, isHeld: true, images: [0] },
    ],
    bytes: 300,
  }
  const report = foldDiff({ ...base, transfer })
  assert.deepEqual(
    report.images.map(({ state }) => state),
    ['added', 'removed', 'retagged', 'unchanged'],
  )
  assert.deepEqual(report.images[2]?.bytes, { total: 900, copied: 300 })
  assert.ok(!('written' in (report.images[2] ?? {})))
  assert.deepEqual(report.blobs, [
    { digest, size: 200, shared: false, images: ['r.example/y:2'] },
    { digest: held, size: 600, shared: true, images: ['r.example/y:2'] },
  ])
  assert.deepEqual(report.totals, {
    images: 4,
    added: 1,
    removed: 1,
    renamed: 0,
    retagged: 1,
    changed: 0,
    unchanged: 1,
    failed: 1,
    blobs: 1,
    bytes: 300,
    sharedBytes: 600,
    dockerHubPulls: 3,
    dockerHubPullsUsed: 5,
  })
})

test('leaves out what is unknown where only names were compared', () => {
  const { totals, blobs } = foldDiff(base)
  assert.deepEqual([totals.blobs, totals.bytes, totals.sharedBytes, totals.dockerHubPulls, blobs], [null, null, null, null, []])
})
