import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { savedReportFormat } from '../../../src/cli/output/document-format.ts'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { parseJsonObject } from '../../../src/oci/json-object.ts'
import { runCli } from '../../servers/run-cli.ts'
import { syncWorld } from '../sync-world.ts'

const plain = stylesFor({ isTTY: false }, {})

/** The text of a report in a file. */
async function shown(path: string, output: string): Promise<string> {
  const report = parseJsonObject(await readFile(path, 'utf8')) ?? {}
  return (await savedReportFormat(report, path, { output, verbose: false }))(plain)
}

test('a saved report becomes what its command prints, for every command that has such formats', async () => {
  await using world = await syncWorld()
  const from = ['--from', `docker.io=${world.source.url}`, '--retries', '0']
  const [first, second] = world.destinations.map(({ url }) => url)
  const image = 'docker.io/rancher/one:1'
  await world.config('  - name: k3s\n    releases: [stable]')
  await writeFile(`${world.directory.path}/list.txt`, `${image}\n`)
  const commands = [
    ['plan', image, '--to', `${first}`],
    ['mirror', image, 'docker.io/rancher/none:1', '--to', `${first}`],
    ['mirror', image, '--to', `${first}`, '--to', `${second}`],
    ['verify', image, '--to', `${first}`],
    ['diff', 'list.txt', `${first}`],
    ['mirror', image, '--to', 'ftp://x'],
  ]
  const outputs = ['text', 'junit', 'markdown']
  const runs = [
    ...commands.map((command) => [...command, ...from]),
    ...[[], ['--check']].map((more) => ['sync', '--config', 'sync.yaml', ...more]),
  ]
  for (const [index, args] of runs.entries()) {
    const output = outputs[(index % 2) + 1] ?? ''
    const report = `${world.directory.path}/report-${index}.json`
    const { stdout } = await runCli([...args, '--output', output, '--report', report], { cwd: world.directory.path })
    assert.equal(await shown(report, output), stdout, args.join(' '))
    for (const one of outputs) assert.match(await shown(report, one), /\n$/)
  }
  assert.match(
    await shown(`${world.directory.path}/report-1.json`, 'text'),
    /^FAILED docker\.io\/rancher\/none:1 not found: .*\n {2}hint: .*\n2 images: 1 copied, 1 failed$/m,
  )
})

test('report show refuses a file that is not a report, and a report without such formats', async () => {
  await using world = await syncWorld()
  const path = await world.directory.write('report.json', '{"schemaVersion":1,"command":"mirror","images":[]}')
  const lock = await world.directory.write('lock.json', '{"schemaVersion":1,"command":"lock","images":[]}')
  const other = await world.directory.write('other.json', '[]')
  await assert.rejects(shown(path, 'junit'), /cannot show .*report\.json: a field of the report of mirror is missing or invalid/)
  await assert.rejects(shown(lock, 'junit'), /cannot show .*lock\.json: it is not a report of mirror/)
  const { status, stdout, stderr } = await runCli(['report', 'show', other])
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(
    stderr,
    /^error: .*other\.json is not a report: it has no schemaVersion 1 \(USAGE\)\nhint: pass a file that --report has written$/m,
  )
})
