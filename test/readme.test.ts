import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { exitCodes } from '../src/cli/exit-code.ts'
import { errorCodes } from '../src/errors.ts'
import { startRegistry } from './registry-server/start-registry.ts'
import { compareRelease } from './servers/compare-release.ts'
import { runCli } from './servers/run-cli.ts'
import { seedRelease } from './servers/seed-release.ts'
import { tempDir } from './servers/temp-dir.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

/** The part of the page under a heading. */
function section(heading: string): string {
  const found = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  assert.ok(found, `the README has no section "${heading}"`)
  return found
}

/** The first cells of a table's rows. */
function firstCells(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1] ?? '').slice(2)
}

async function help(...command: readonly string[]): Promise<string> {
  const { status, stdout } = await runCli([...command, '--help'])
  assert.equal(status, 0)
  return stdout
}

/** The page's text with one address in place of another, which must be there exactly once. */
function replaceOnce(source: string, from: string, to: string): string {
  assert.equal(source.split(from).length, 2, `"${from}" is not there exactly once`)
  return source.replace(from, to)
}

test('the README names the commands for a fresh clone', () => {
  for (const command of ['npm ci && npm run demo', 'npm ci && npm test']) assert.ok(readme.split('\n').includes(command), command)
})

test('the command table of the README is the one of --help', async () => {
  const table = readme.slice(readme.indexOf('| command |'), readme.indexOf('## Install'))
  const named = [...table.matchAll(/^\| `k3s-mirror ([a-z]+)` \|/gm)].map((match) => match[1])
  const listed = [...(await help()).matchAll(/^ {2}([a-z]+) .*\S/gm)].map((match) => match[1]).filter((name) => name !== 'help')
  assert.deepEqual(named, listed)
})

test('every option that the README names exists', async () => {
  const commands = [
    '',
    'images',
    'plan',
    'mirror',
    'verify',
    'serve',
    ...['lint', 'resolve', 'render', 'generate'].map((name) => `registries ${name}`),
    ...['create', 'info', 'check', 'push', 'load'].map((name) => `bundle ${name}`),
  ]
  const pages = await Promise.all(commands.map((command) => help(...command.split(' ').filter((word) => word !== ''))))
  const known = new Set(pages.flatMap((page) => [...page.matchAll(/^ +(--[a-z0-9-]+)/gm)].map((match) => match[1])))
  const named = new Set([...readme.matchAll(/(?<![\w-])(--[a-z][a-z0-9-]*)/g)].map((match) => match[1]))
  assert.deepEqual(
    [...named].filter((name) => !known.has(name)),
    [],
  )
})

test('the exit codes of the README are those of the program', () => {
  const codes = firstCells(section('Exit codes')).flatMap((cell) => cell.split(', ').map(Number))
  assert.deepEqual(codes, Object.values(exitCodes))
})

test('the error codes of the README exist', () => {
  const codes = [...section('Troubleshooting').matchAll(/\(([A-Z_]{3,})\)/g)].map((match) => match[1] ?? '')
  assert.ok(codes.length > 10)
  for (const code of codes) assert.ok((errorCodes as readonly string[]).includes(code), code)
})

test('the example of the README runs', async () => {
  await using source = await startRegistry()
  await using destination = await startRegistry()
  await using dir = await tempDir()
  const release = await seedRelease(source.url)
  const example = /```js\n(.*?)```/s.exec(section('From a program'))?.[1] ?? ''
  assert.ok(example.trim().split('\n').length <= 11, 'the example has grown')
  const here = replaceOnce(replaceOnce(example, 'https://mirror.example.com', source.url), 'https://registry.example.com', destination.url)
  const file = await dir.write('example.mjs', here)
  await dir.write('k3s-images.txt', release.list)
  // what npm install makes of a package in a neighbouring directory
  await mkdir(`${dir.path}/node_modules`)
  await symlink(root, `${dir.path}/node_modules/k3s-mirror`, 'dir')

  const child = spawn(process.execPath, [file], { cwd: dir.path, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(stderr, '')
  assert.equal(status, 0)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.pop(), `${release.images.length} copied, 0 failed`)
  const expected = release.images.map(({ repository, tag }) => `${destination.host}/mirror/${repository}:${tag}`)
  assert.deepEqual(lines.toSorted(), expected.toSorted())
  await compareRelease(destination.url, 'mirror/', release)
})
