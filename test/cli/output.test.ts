import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { MirrorEvent } from '../../src/copy/events.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, type CliOptions, type CliResult } from '../servers/run-cli.ts'
import { seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'

let from: TestRegistry
let to: TestRegistry
let release: SeededRelease
let prefixes = 0

before(async () => {
  ;[from, to] = await Promise.all([startRegistry(), startRegistry()])
  release = await seedRelease(from.url, { images: k3sImages.slice(1, 3) })
})

after(async () => {
  await Promise.all([from, to].map((server) => server[Symbol.asyncDispose]()))
})

/** Runs with the release as its list, to a prefix of its own. */
function run(command: string, options: readonly string[], more: CliOptions = {}): Promise<CliResult> {
  const args = [command, '--images', '-', '--from', `docker.io=${from.url}`, '--to', `${to.url}/run${++prefixes}`]
  return runCli([...args, ...options], { stdin: release.list, ...more })
}

function eventsOf(ndjson: string): readonly (MirrorEvent & { readonly time: string })[] {
  return ndjson
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as MirrorEvent & { readonly time: string })
}

test('prints one plain line per image without a terminal, and the summary on standard output', async () => {
  const { status, stdout, stderr } = await run('mirror', [])
  assert.equal(status, 0, stderr)
  const lines = stderr.trimEnd().split('\n').toSorted()
  assert.equal(lines.length, 2, stderr)
  for (const [index, { reference }] of release.images.entries()) {
    assert.match(lines[index] ?? '', new RegExp(`^copied ${reference} \\([\\d.]+ kB, [\\d.]+m?s\\)$`))
  }
  assert.match(
    stdout,
    /^2 images: 2 copied\ntransferred .* in .*\n(?:reused .*\n)?sent \d+ requests to the source, \d+ to the destination\n$/,
  )
})

test('--quiet prints nothing where nothing failed, and still prints the document', async () => {
  assert.deepEqual(await run('mirror', ['--quiet']), { status: 0, signal: null, stdout: '', stderr: '' })
  const { stdout, stderr } = await run('mirror', ['--quiet', '--output', 'json'])
  assert.equal((JSON.parse(stdout) as MirrorReport).totals.copied, 2)
  assert.equal(stderr, '')
  const failed = await run('mirror', ['--quiet', 'rancher/missing:1'])
  assert.match(failed.stderr, /^FAILED docker\.io\/rancher\/missing:1 .* \(NOT_FOUND\)\n {2}hint: .*\n$/)
})

test('--verbose prints every blob and manifest', async () => {
  const { stderr } = await run('mirror', ['--verbose'])
  for (const { digest } of release.images.flatMap(({ manifests }) => manifests)) assert.ok(stderr.includes(`manifest ${digest} of`))
  for (const digest of release.blobs.keys()) assert.ok(stderr.includes(digest))
})

test('--events writes every event as a line of JSON, to a file or to standard output', async () => {
  await using directory = await tempDir()
  const file = join(directory.path, 'events.ndjson')
  const result = await run('mirror', ['--events', file])
  assert.match(result.stdout, /^2 images/)
  const events = eventsOf(await readFile(file, 'utf8'))
  assert.deepEqual([events.at(0)?.type, events.at(-1)?.type], ['run-started', 'run-finished'])
  assert.equal(events.filter(({ type }) => type === 'image-copied').length, 2)
  for (const { time } of events) assert.equal(new Date(time).toISOString(), time)
  const piped = await run('mirror', ['--events', '-'])
  assert.equal(eventsOf(piped.stdout).at(-1)?.type, 'run-finished')
})

test('--report writes what --output json prints', async () => {
  await using directory = await tempDir()
  for (const command of ['mirror', 'plan']) {
    const file = join(directory.path, `${command}.json`)
    const { stdout } = await run(command, ['--output', 'json', '--report', file])
    assert.equal(await readFile(file, 'utf8'), stdout)
  }
})

test('reports a report or event file that cannot be written before anything is copied', async () => {
  for (const option of ['--events', '--report']) {
    const before = to.log.length
    const { status, stderr } = await run('mirror', [option, '/missing/directory/a.json'])
    assert.deepEqual([status, to.log.length - before], [2, 0], stderr)
    assert.match(stderr, /^error: .*\/missing\/directory\/a\.json.* \(LOCAL_IO\)$/m)
  }
})

test('prints no colours without a terminal or with NO_COLOR, and colours with FORCE_COLOR', async () => {
  const colored = (result: CliResult): boolean => `${result.stdout}${result.stderr}`.includes('\u001B[')
  assert.equal(colored(await run('mirror', [])), false)
  assert.equal(colored(await run('mirror', [], { env: { NO_COLOR: '1' } })), false)
  assert.equal(colored(await run('mirror', [], { env: { FORCE_COLOR: '1' } })), true)
})
