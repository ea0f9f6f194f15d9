import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { requireServer } from '../servers/require-server.ts'
import { startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'
import { schemaOf } from './sync-world.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`../../configs/${name}`, import.meta.url))
const unit = await readFile(pathOf('k3s-mirror-sync.service'), 'utf8')

test('the example matches the schema, and the command of the unit watches it until SIGTERM', async () => {
  const validate = schemaOf('sync-config')
  assert.ok(validate(parse(await readFile(pathOf('sync.yaml'), 'utf8'))), JSON.stringify(validate.errors))
  await using directory = await tempDir()
  await copyFile(pathOf('sync.yaml'), `${directory.path}/sync.yaml`)
  const [, command = ''] = /^ExecStart=k3s-mirror (.*)$/m.exec(unit) ?? []
  const args = command.replace('/etc/k3s-mirror', directory.path).replace('127.0.0.1:9090', '127.0.0.1:0').split(' ')
  // Nothing is sent to another machine: the channel server is a closed port.
  const closed = 'http://127.0.0.1:1'
  const running = await startCli([...args, '--channel-url', closed, '--artifact-url', closed, '--only', 'k3s'])
  let printed = ''
  running.child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await until(() => printed.includes('serving /metrics and /healthz at http://127.0.0.1:'))
  running.child.kill('SIGTERM')
  assert.equal((await running.finished).status, 0)
})

test('the configuration of the Kubernetes manifests matches the schema', async () => {
  const validate = schemaOf('sync-config')
  for (const name of ['sync', 'watch'])
    assert.ok(validate(parse(await readFile(pathOf(`../deploy/kubernetes/${name}/sync.yaml`), 'utf8'))), JSON.stringify(validate.errors))
})

test('systemd accepts the unit, and finds it confined', async (t) => {
  if (!requireServer(t, 'systemd-analyze')) return
  await using directory = await tempDir()
  // The program need not be installed where the test runs.
  const copy = await directory.write('k3s-mirror-sync.service', unit.replace(/^ExecStart=k3s-mirror/m, `ExecStart=${process.execPath}`))
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', copy], { encoding: 'utf8' })
  assert.deepEqual([verified.status, verified.stdout, verified.stderr], [0, '', ''])
  const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=25', copy], { encoding: 'utf8' })
  assert.equal(judged.status, 0, judged.stdout)
})
