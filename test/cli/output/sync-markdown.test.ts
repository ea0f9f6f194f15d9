import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSyncMarkdown } from '../../../src/cli/output/sync-markdown.ts'
import { version } from '../../../src/version.ts'
import { sampleSync, sampleSyncCheck } from './sync-sample.ts'

test('writes a section for each destination of an entry, and one for an entry that could not begin', () => {
  const text = formatSyncMarkdown(sampleSync())
  assert.deepEqual(text.match(/^(?:##|Destination:) .*$/gm), [
    '## k3s-mirror sync: `k3s`',
    'Destination: `registry.test:5000`',
    '## k3s-mirror sync: `k3s`',
    'Destination: `oci:/site`',
    '## k3s-mirror sync: `apps`',
  ])
  const end = [
    '## k3s-mirror sync: `apps`',
    '',
    '**could not begin**',
    '',
    '**Error:** `channel "nightly" not found (CHANNEL_NOT_FOUND)`',
    '',
    'Hint: `check --release`',
    '',
    `k3s-mirror ${version}, 2026-01-02T03:04:05.000Z`,
    '',
  ]
  assert.deepEqual(text.split('\n').slice(-end.length), end)
})

test('writes the same of a check', () => {
  const text = formatSyncMarkdown(sampleSyncCheck())
  assert.match(text, /^## k3s-mirror sync --check: `k3s`\n\n\*\*3 images: /)
  assert.match(text, /\n\n## k3s-mirror sync --check: `apps`\n\n\*\*could not begin\*\*\n\nDestination: `oci:\/site`\n/)
})
