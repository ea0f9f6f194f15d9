import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPruning } from '../../../src/cli/output/prune-text.ts'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { MirrorError } from '../../../src/errors.ts'
import { sha256 } from '../../../src/oci/digest.ts'
import { foldPruning, type Pruning } from '../../../src/report/prune-report.ts'

const repository = { registry: 'registry.example.com', path: 'mirror/a' }
const digest = sha256(Buffer.from('a'))
const denied = new MirrorError('DENIED', 'cannot delete it: registry.example.com answered 403', { hint: 'check that the user may delete' })
const plain = {
  startedAt: '2026-01-02T03:04:05.000Z',
  dryRun: false,
  missing: [],
  lists: [],
  warnings: [],
  interrupted: false,
  requests: 9,
  seconds: 1,
  destination: 'registry.example.com/mirror',
}

function text(pruning: Partial<Pruning>, verbose = false): string {
  return formatPruning(foldPruning({ ...plain, repositories: [], ...pruning }), { styles: stylesFor({}, {}), verbose })
}

test('lists what was removed, skipped or failed, with the reason', () => {
  const tags = [
    { tag: 'new', digest, status: 'kept' },
    { tag: 'old', digest, status: 'removed' },
    { tag: 'twin', digest, status: 'skipped', reason: 'the kept tag new has the same digest' },
    { tag: 'bad', digest, status: 'failed', error: denied },
  ] as const
  const repositories = [{ repository, tags, manifests: [digest], remaining: [] }]
  assert.equal(
    text({ repositories }),
    `STATUS   TAG                                 NOTE
removed  registry.example.com/mirror/a:old
skipped  registry.example.com/mirror/a:twin  the kept tag new has the same digest

FAILED registry.example.com/mirror/a:bad: cannot delete it: registry.example.com answered 403 (DENIED)
  hint: check that the user may delete
4 tags in 1 repository: 1 removed, 1 kept, 1 skipped, 1 failed
removed 1 manifest in 1s with 9 requests; the registry's garbage collection frees the space
`,
  )
  assert.match(text({ repositories }, true), /^kept +registry\.example\.com\/mirror\/a:new +sha256:/m)
})

test('reports manifests that the destination did not delete: those it needs as a warning, others as failures', () => {
  const needed = new MirrorError('UNSUPPORTED', 'cannot delete x: an index refers to it', { subject: 'x', reason: 'an index refers to it' })
  const repositories = [{ repository, tags: [], manifests: [], remaining: [{ digest, error: needed }] }]
  assert.equal(
    text({ repositories }),
    'warning: 1 manifest without a tag could not be deleted: an index refers to it\n0 tags in 1 repository\n',
  )
  const broken = new MirrorError('UNAVAILABLE', 'cannot delete x: registry.example.com answered 500')
  const failed = [{ repository, tags: [], manifests: [], remaining: [{ digest, error: broken }] }]
  assert.equal(foldPruning({ ...plain, repositories: failed }).totals.failed, 1)
  assert.match(text({ repositories: failed }), /^FAILED registry\.example\.com\/mirror\/a@sha256:/)
})

test('names the next step for a layout, a dry run and an interruption', () => {
  const repositories = [{ repository, tags: [{ tag: 'old', digest, status: 'removed' }], manifests: [digest], remaining: [] }] as const
  assert.match(text({ repositories, destination: 'oci:site' }), /; run k3s-mirror layout gc site to free the space\n$/)
  const preview = [{ ...repositories[0], tags: [{ tag: 'old', digest, status: 'would-remove' }] }] as const
  assert.match(text({ repositories: preview, dryRun: true }), /1 would be removed\ndry run, nothing was removed: pass --yes/)
  assert.match(text({ repositories, interrupted: true }), /^interrupted; 1 tag/m)
  assert.match(text({ missing: ['a', 'b', 'c', 'd'], dryRun: true }), /lacks 4 kept images: a, b, c, and 1 more; --yes refuses/)
  assert.match(
    text({ repositories: preview, missing: ['a'], dryRun: true }),
    /dry run, nothing was removed: mirror the kept images first\n$/,
  )
})
