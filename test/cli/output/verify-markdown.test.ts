import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatVerifyMarkdown } from '../../../src/cli/output/verify-markdown.ts'
import { safeLine } from '../../../src/text/printable.ts'
import { hostile, incomplete, reportOver, whole } from './verify-sample.ts'

/** The cells of a table's row as GitHub reads them: a pipe ends one unless a backslash stands before it. */
function cells(row: string): readonly string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll(String.raw`\|`, '|'))
}

/** What a code span shows: https://github.github.com/gfm/#code-spans; fails for text that is not one code span and nothing else. */
function shown(span: string): string {
  const [, fence = '', content = ''] = /^(`+)([^]*?[^`])\1$/.exec(span) ?? []
  assert.notEqual(fence, '', span)
  assert.ok(!new RegExp(`(?<!\`)${fence}(?!\`)`).test(content), span)
  return content.startsWith(' ') && content.endsWith(' ') && content.trim() !== '' ? content.slice(1, -1) : content
}

test('writes a title, a table, the problems and the totals', () => {
  const lines = formatVerifyMarkdown(reportOver([whole, incomplete], { warnings: ['mind the gap'] })).split('\n')
  assert.equal(lines[0], '## Images: 1 of 2 ok')
  assert.deepEqual(cells(lines[4] ?? ''), ['Image', 'Status', 'Manifests', 'Blobs', 'Size', 'Served by', 'Platforms'])
  assert.deepEqual(cells(lines[5] ?? ''), [':-', ':-', '-:', '-:', '-:', ':-', ':-'])
  assert.deepEqual(cells(lines[7] ?? ''), [
    '`docker.io/rancher/mirrored-pause:3.10.2`',
    '**incomplete**',
    '3',
    '8',
    '12.3 MB',
    '`https://r.example:5000/v2`',
    '`linux/amd64, linux/arm64`',
  ])
  assert.deepEqual(lines.slice(8), [
    '',
    '### Problems',
    '',
    '- `docker.io/rancher/mirrored-pause:3.10.2: layer sha256:2 is missing: https://r.example:5000/v2/x: not found (NOT_FOUND)`',
    '',
    '### Warnings',
    '',
    '- `mind the gap`',
    '- `another endpoint served 1 image instead of http://old.example/v2: the connection was refused`',
    '',
    '2 images: 1 ok, 1 incomplete; found 6 manifests and 16 blobs (24.6 MB) in 1.2s with 40 requests.',
    '',
  ])
})

test('omits the sections for problems and warnings without any', () => {
  const text = formatVerifyMarkdown(reportOver([{ ...whole, endpoints: [] }], { asNode: false, destination: 'r.example' }))
  assert.doesNotMatch(text, /###|Served by/)
})

test('keeps any text of a registry in one code span, on one line, in one cell', () => {
  const text = fc.oneof(
    fc.constant(hostile),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('`', '|', '\\', ' ', 'a', '\n') }),
  )
  fc.assert(
    fc.property(text, text, (message, url) => {
      const endpoint = { url, repository: 'x', default: false, status: 'serves-part' as const }
      const image = { ...incomplete, endpoints: [endpoint], problems: [{ code: 'PROTOCOL' as const, message }] }
      const lines = formatVerifyMarkdown(reportOver([image])).split('\n')
      assert.equal(lines.length, 14, JSON.stringify(lines))
      const row = cells(lines[6] ?? '')
      assert.equal(row.length, 7)
      const safe = safeLine(url)
      if (safe !== '') assert.equal(shown(row[5] ?? ''), safe.replace(/\\+\|/g, '|'))
      assert.equal(shown((lines[10] ?? '').slice(2)), safeLine(`${safeLine(message)} (PROTOCOL)`))
    }),
  )
})
