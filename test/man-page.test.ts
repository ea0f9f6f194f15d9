import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { allCommands } from '../src/cli/command-table.ts'
import { requireServer } from './servers/require-server.ts'

const page = fileURLToPath(new URL('../dist/k3s-mirror.1', import.meta.url))

test('man renders the page without warnings, with every command and every option', async (t) => {
  if (!requireServer(t, 'man')) return
  const { status, stdout, stderr } = spawnSync('man', ['--warnings', '--encoding=UTF-8', '--local-file', page], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', MANWIDTH: '200', GROFF_NO_SGR: '1' },
  })
  assert.deepEqual([status, stderr], [0, ''])
  // Bold letters are struck over.
  const text = stdout.replaceAll(new RegExp(`.${String.fromCodePoint(8)}`, 'g'), '')
  for (const { path, definition, load } of allCommands()) {
    if (load === undefined) continue
    assert.ok(text.includes(`k3s-mirror ${path.join(' ')}`), path.join(' '))
    for (const { flag } of definition.options) assert.ok(text.includes(flag), `${path.join(' ')} ${flag}`)
  }
  for (const heading of ['NAME', 'SYNOPSIS', 'COMMANDS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS'])
    assert.match(text, new RegExp(`^${heading}$`, 'm'))
})

test('the page is of the package', async () => {
  const { man, files } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    man: string
    files: string[]
  }
  assert.equal(fileURLToPath(new URL(`../${man}`, import.meta.url)), page)
  assert.ok(files.includes('dist'))
})
