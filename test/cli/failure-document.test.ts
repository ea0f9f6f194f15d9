import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { version } from '../../src/version.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** The document of a command that could not begin. */
interface Failure {
  readonly schemaVersion: number
  readonly command: string | null
  readonly tool: unknown
  readonly startedAt: string
  readonly finishedAt: string
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string }
}

const failures: readonly (readonly [args: readonly string[], command: string | null, code: string, status: number])[] = [
  [['mirror', 'rancher/x:1', '--to', 'ftp://a', '--output', 'json'], 'mirror', 'USAGE', 2],
  [['mirror', 'rancher/x:1', '--bogus', '--output=json'], 'mirror', 'USAGE', 2],
  [['mirror', 'rancher/x:1', '-o', 'json'], 'mirror', 'USAGE', 2],
  [['mirror', 'rancher/x:1', '--to', 'a', '--jobs', '0', '-ojson'], 'mirror', 'USAGE', 2],
  [['mirror', 'Rancher/X:1', '--to', 'a', '-o', 'json'], 'mirror', 'INVALID_REFERENCE', 2],
  [['images', '--images', 'missing.txt', '-o', 'json'], 'images', 'INVALID_LIST', 2],
  [['bundle', 'push', 'missing.tar', '--to', 'a', '-o', 'json'], 'bundle push', 'NOT_FOUND', 2],
  [['bundle', 'psh', '-o', 'json'], 'bundle', 'USAGE', 2],
  [['miror', '--output', 'json'], null, 'USAGE', 2],
  [['registries', 'resolve', 'rancher/x:1', '--registries', '/nope', '-o', 'json'], 'registries resolve', 'INVALID_CONFIG', 2],
]

for (const [args, command, code, status] of failures) {
  test(`prints a document where it cannot begin: ${args.join(' ')}`, async () => {
    const result = await runCli(args)
    const document = JSON.parse(result.stdout) as Failure
    assert.deepEqual([document.schemaVersion, document.command, result.status], [1, command, status])
    assert.equal(document.error.code, code)
    assert.deepEqual([document.tool, document.startedAt <= document.finishedAt], [{ name: 'k3s-mirror', version }, true])
    // The text is the same, and names flags as the document does.
    assert.ok(result.stderr.startsWith(`error: ${document.error.message} (${document.error.code})\n`), result.stderr)
    assert.doesNotMatch(result.stdout, /options\./)
    if (document.error.hint !== undefined) assert.ok(result.stderr.includes(`hint: ${document.error.hint}\n`))
  })
}

test('prints no document where none was asked for', async () => {
  assert.equal((await runCli(['mirror', 'rancher/x:1', '--to', 'ftp://a'])).stdout, '')
})

test('writes the document to --report, over an earlier report and over nothing else', async () => {
  await using directory = await tempDir()
  const report = `${directory.path}/report.json`
  for (const args of [
    ['--to', 'ftp://a'],
    ['--to', 'a', '--bogus'],
  ]) {
    await runCli(['mirror', 'rancher/x:1', '--report', report, ...args])
    const document = JSON.parse(await readFile(report, 'utf8')) as Failure
    assert.deepEqual([document.command, document.error.code], ['mirror', 'USAGE'])
  }
  const list = await directory.write('list.txt', 'rancher/x:1\n')
  for (const args of [[], ['--bogus']]) {
    const { status } = await runCli(['mirror', '--images', list, '--to', 'ftp://a', '--report', list, ...args])
    assert.equal(status, 2)
    assert.equal(await readFile(list, 'utf8'), 'rancher/x:1\n')
  }
})

test('files in a missing directory are reported before anything is asked', async () => {
  for (const [flag, ...args] of [
    ['--report', 'mirror', 'rancher/x:1', '--to', 'http://127.0.0.1:1'],
    ['--events', 'mirror', 'rancher/x:1', '--to', 'http://127.0.0.1:1'],
    ['--write-registries', 'mirror', 'rancher/x:1', '--to', 'http://127.0.0.1:1'],
    ['--lock', 'bundle', 'create', 'a.tar', 'rancher/x:1', '--from', '*=http://127.0.0.1:1'],
  ]) {
    const { stdout, stderr } = await runCli([...args, flag ?? '', '/missing/file'])
    assert.equal(stdout, '')
    assert.match(stderr, /^error: cannot write .*\/missing.*(?:no such file or directory|does not exist)/)
    assert.doesNotMatch(stderr, /ENOENT/)
  }
})
