import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isSameOutput, updatedOutput } from '../scripts/docs/compare-output.ts'
import { parsePage, withOutputs } from '../scripts/docs/page.ts'
import { documentationPages, openDocumentationRunner, type DocumentationRunner } from '../scripts/docs/run-documentation.ts'
import { requireServer, type ServerName } from './servers/require-server.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = await Promise.all(
  (await documentationPages()).map(async (path) => ({ path, page: parsePage(await readFile(`${root}/${path}`, 'utf8')) })),
)

describe('documentation', { concurrency: 2 }, () => {
  let opened: Promise<DocumentationRunner> | undefined
  after(async () => (await opened)?.[Symbol.asyncDispose]())

  for (const { path, page } of pages) {
    test(`the commands of ${path} print what the page shows`, { timeout: 600_000 }, async (t) => {
      const needed: ServerName[] = ['namespaces', 'docker-registry', 'documentation']
      if (page.traits.includes('docker')) needed.push('dockerd')
      if (page.traits.includes('containerd')) needed.push('containerd')
      if (!needed.every((name) => requireServer(t, name))) return
      opened ??= openDocumentationRunner()
      assert.deepEqual(await (await opened).run(path), [])
    })
  }
})

test('every block that no test runs states a reason', () => {
  const silent = pages.flatMap(({ path, page }) =>
    page.skipped.filter(({ reason }) => reason === undefined).map(({ line }) => `${path}:${line}`),
  )
  assert.deepEqual(silent, [])
})

test('outputs that differ only in durations, speeds and the order of images are the same', () => {
  const shown =
    'copied a (1 kB, 3ms)\ncopied b (2 kB, 1.5s)\nmoved 3 kB in 2s at 4 kB/s\nsent 3 requests to the source, 4 to the destination\n'
  const real =
    'copied b (2 kB, 9ms)\ncopied a (1 kB, 1m 2s)\nmoved 3 kB in 8ms at 1.2 MB/s\nsent 5 requests to the source, 7 to the destination\n'
  assert.equal(isSameOutput(shown, real), true)
  assert.equal(updatedOutput(shown, real), shown)
  assert.equal(isSameOutput(shown, real.replace('1 kB', '2 kB')), false)
  assert.equal(isSameOutput(shown, real.replace('moved', 'sent')), false)
})

test('a line of three dots stands for any lines, and stays where the output changes', () => {
  const shown = 'first\n...\nlast\n'
  assert.equal(isSameOutput(shown, 'first\nsecond\nthird\nlast\n'), true)
  assert.equal(isSameOutput(shown, 'first\nsecond\nother\n'), false)
  assert.equal(updatedOutput(shown, '1\n2\n3\n4\n'), '1\n...\n4\n')
})

test('a page gets the real output of each command in its place', () => {
  const page =
    '# A\n\n```console\n$ first \\\n    --option\nold\n$ second\n```\n\n```sh\nthird\n```\n\n```console no-run reason="x"\n$ fourth\nkept\n```\n'
  const { steps, skipped } = parsePage(page)
  assert.deepEqual(
    steps.flatMap((step) => (step.kind === 'commands' ? step.commands : [])),
    [
      { source: 'first \\\n    --option', output: 'old\n' },
      { source: 'second', output: '' },
      { source: 'third', output: undefined },
    ],
  )
  assert.deepEqual(skipped, [{ line: 14, reason: 'x' }])
  assert.equal(withOutputs(page, ['new\nlines\n', 'out\n']), page.replace('old\n$ second\n', 'new\nlines\n$ second\nout\n'))
})
