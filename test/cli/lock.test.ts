import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { tinyIndex } from '../layout/tiny-image.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { oneImage } from './one-image.ts'

const schema = async (name: string): Promise<object> =>
  JSON.parse(await readFile(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true })
ajv.addSchema(await schema('lock'), 'lock')
ajv.addSchema(await schema('lock-report'), 'lock-report')

function assertValid(name: 'lock' | 'lock-report', document: unknown): void {
  assert.ok(ajv.validate(name, document), ajv.errorsText())
}

test('locks to a file or to standard output, and the schemas describe the file and the JSON document', async () => {
  await using registries = await oneImage()
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.lock.yaml`
  const from = ['--from', `docker.io=${registries.source.url}`]
  const args = ['lock', 'docker.io/acme/app:1', ...from]
  const printed = await runCli([...args, '--out', '-'])
  const first = await runCli([...args, '--out', file])
  assert.match(first.stdout, /^wrote .*k3s\.lock\.yaml: 1 image, 2\.\d+ kB\n$/)
  assert.equal(await readFile(file, 'utf8'), printed.stdout)
  assertValid('lock', parse(printed.stdout))
  assert.match((await runCli([...args, '--out', file])).stdout, /k3s\.lock\.yaml is up to date: 1 image, 2\.\d+ kB\n$/)

  registries.source.hold('acme/app', '1', tinyIndex())
  const update = await runCli([...args, '--out', file, '--platform', 'linux/amd64', '--output', 'json'])
  const document = JSON.parse(update.stdout) as { changes: { changed: readonly object[] } }
  assertValid('lock-report', document)
  assert.equal(document.changes.changed.length, 1)
  assertValid('lock', parse(await readFile(file, 'utf8')))

  const failed = await runCli(['lock', 'docker.io/acme/none:1', ...from, '--out', file, '--output', 'json'])
  assert.deepEqual([failed.status, failed.stderr.includes('FAILED docker.io/acme/none:1 not found')], [1, true])
  assertValid('lock-report', JSON.parse(failed.stdout))

  const bundle = [
    'bundle',
    'create',
    `${directory.path}/k3s.tar`,
    'docker.io/acme/app:1',
    ...from,
    '--lock',
    `${directory.path}/bundle.lock`,
  ]
  assert.equal((await runCli(bundle)).status, 0)
  assertValid('lock', parse(await readFile(`${directory.path}/bundle.lock`, 'utf8')))
})

test('exits with 3 where a locked digest is gone, with 2 for an invalid lock, and names options as flags', async () => {
  await using registries = await oneImage()
  await using directory = await tempDir()
  const from = ['--from', `docker.io=${registries.source.url}`]
  const to = ['--to', registries.destination.url]
  const { stdout: lock } = await runCli(['lock', 'docker.io/acme/app:1', ...from])
  const file = await directory.write('k3s.lock.yaml', lock)
  registries.source.manifests.clear()
  registries.source.hold('acme/app', '1', tinyIndex())
  const gone = await runCli(['mirror', '--locked', file, ...from, ...to])
  assert.equal(gone.status, 3, gone.stderr)
  assert.match(
    gone.stderr,
    /^FAILED docker\.io\/acme\/app:1@sha256:\w+: the tag has moved: the source has sha256:\w+, and no longer sha256:\w+ \(TAG_MOVED\)\n {2}hint: read from another copy with --from, or run k3s-mirror lock again/m,
  )
  // Standard input is a list too.
  const piped = await runCli(['images', '--images', '-'], { stdin: lock })
  assert.match(piped.stdout, /^docker\.io\/acme\/app:1@sha256:\w{64}\n$/, piped.stderr)

  const broken = await directory.write('broken.yaml', lock.replace('size:', 'sise:'))
  for (const option of ['--locked', '--images']) {
    const invalid = await runCli(['plan', option, broken, ...to])
    assert.equal(invalid.status, 2)
    assert.match(
      invalid.stderr,
      /^error: .*broken\.yaml:\d+:5: unknown key images\[0\]\.sise \(INVALID_LIST\)\nhint: run k3s-mirror lock again/,
    )
  }
  const engine = await runCli(['mirror', '--locked', file, ...to, '--via', 'docker'])
  assert.match(engine.stderr, /^error: --locked is unsupported with --via docker: .*--images with the lock file pulls by digest/)
  assert.equal(engine.status, 2)
})
