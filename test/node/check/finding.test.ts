import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { nodeFindings } from '../../../src/node/check/finding.ts'

test('the page lists every finding with its severity', async () => {
  const page = await readFile(new URL('../../../docs/node-check.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([\w-]+)` *\| (ok|info|warning|error) *\|/gm)].map(([, id, severity]) => [id, severity])
  assert.deepEqual(rows, Object.entries(nodeFindings))
})
