import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { SyncReport } from '../../src/cli/sync/sync-report.ts'
import { cliCommand } from '../servers/cli-command.ts'
import { plainRequest } from '../servers/http-request.ts'
import { runCli, type RunningCli } from '../servers/run-cli.ts'
import { until } from '../servers/until.ts'
import { schemaOf, syncWorld, type SyncWorld } from './sync-world.ts'

const entry = '  - name: k3s\n    releases: stable'

/** What a running sync has printed so far on standard error. */
function reading({ child }: RunningCli): { text: string } {
  const read = { text: '' }
  child.stderr?.on('data', (chunk: Buffer) => (read.text += chunk.toString()))
  return read
}

/** Runs that began, by the requests for the channel. */
function runs({ asked }: SyncWorld): number {
  return asked.filter((path) => path === '/channels/stable').length
}

test('follows a channel: a new release is mirrored within two intervals, and SIGTERM ends with 0', async () => {
  await using world = await syncWorld()
  await world.config(entry)
  const report = `${world.directory.path}/report.json`
  const watching = await world.start(['--watch', '--interval', '1s', '--report', report])
  const [destination] = world.destinations
  await until(() => runs(world) >= 3)
  const printed = reading(watching)
  world.release('v1.37.1+k3s1', ['one', 'two'])
  world.channel('v1.37.1+k3s1')
  const before = runs(world)
  await until(() => destination.manifests.has('mirror/rancher/two:1'))
  assert.ok(runs(world) <= before + 2, `${runs(world) - before} runs`)
  await until(() => runs(world) >= before + 3)
  watching.child.kill('SIGTERM')
  const { status, stdout } = await watching.finished
  assert.equal(status, 0, printed.text)
  // A run without news prints nothing.
  assert.match(
    stdout,
    /^k3s -> \S+ \(stable is v1\.36\.3\+k3s1\): 1 image: 1 copied.*\nk3s -> \S+ \(stable is v1\.37\.1\+k3s1\): 2 images: 1 copied, 1 up to date.*\n$/,
  )
  assert.match(printed.text, /^(?:k3s: warning: .* v1\.37\.1\+k3s1 is not covered .*\n)k3s: copied docker\.io\/rancher\/two:1 .*\n$/)
  const written = JSON.parse(await readFile(report, 'utf8')) as SyncReport
  const validate = schemaOf('sync-report')
  assert.ok(validate(written), JSON.stringify(validate.errors))
  assert.equal(written.totals.upToDate, 2)
})

test('SIGTERM during a run ends it with 0, and a later run completes it', async () => {
  await using world = await syncWorld()
  await world.config(entry)
  const [destination] = world.destinations
  let waiting = false
  destination.intercept = ({ kind }) => {
    if (kind !== 'manifest-put') return false
    waiting = true
    // The answer never comes.
    return true
  }
  const watching = await world.start(['--watch'])
  await until(() => waiting)
  watching.child.kill('SIGTERM')
  const { status, stderr } = await watching.finished
  assert.equal(status, 0, stderr)
  assert.equal(destination.manifests.has('mirror/rancher/one:1'), false)
  destination.intercept = () => false
  assert.equal((await world.sync()).status, 0)
  assert.equal(destination.manifests.has('mirror/rancher/one:1'), true)
})

test('SIGHUP reads the file again; a broken file keeps the one before; /metrics and /healthz answer', async () => {
  await using world = await syncWorld()
  const file = await world.config(entry)
  const valid = await readFile(file, 'utf8')
  const watching = await world.start(['--watch', '--listen', '127.0.0.1:0'])
  const printed = reading(watching)
  await until(() => printed.text.includes('/healthz at '))
  const [, url = ''] = /^serving \S+ and \S+ at (\S+)$/m.exec(printed.text) ?? []
  const metrics = async (): Promise<string> => (await plainRequest(`${url}/metrics`)).body.toString()
  const value = (text: string, name: string): string | undefined =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
  await until(async () => value(await metrics(), 'k3s_mirror_sync_runs_total{entry="k3s"}') === '1')
  const first = await metrics()
  const to = `${world.destinations[0].url}/mirror`
  assert.equal(value(first, `k3s_mirror_sync_images{entry="k3s",destination="${to}",state="copied"}`), '1')
  assert.equal(value(first, 'k3s_mirror_sync_release_info{entry="k3s",channel="stable",release="v1.36.3+k3s1"}'), '1')
  assert.ok(Number(value(first, 'k3s_mirror_sync_last_success_timestamp_seconds{entry="k3s"}')) > 1_600_000_000)
  assert.equal((await plainRequest(`${url}/healthz`)).status, 200)
  assert.equal((await plainRequest(`${url}//`)).status, 404)
  assert.equal((await plainRequest(`${url}/metrics`, { method: 'POST' })).status, 405)

  await writeFile(file, valid.replace('releases', 'relases'))
  watching.child.kill('SIGHUP')
  await until(() => printed.text.includes('is not reloaded, the previous configuration stays in use'))
  assert.match(printed.text, /sync\.yaml:\d+:5: unknown key "relases"/)
  assert.equal(value(await metrics(), 'k3s_mirror_sync_config_reload_successful'), '0')

  world.release('extra', ['three'])
  await writeFile(file, `${valid}  - name: apps\n    references: docker.io/rancher/three:1\n`)
  watching.child.kill('SIGHUP')
  await until(() => world.destinations[0].manifests.has('mirror/rancher/three:1'))
  await until(async () => value(await metrics(), 'k3s_mirror_sync_runs_total{entry="apps"}') === '1')
  assert.equal(value(await metrics(), 'k3s_mirror_sync_config_reload_successful'), '1')
  assert.match(printed.text, /^reloaded: watching 2 entries of \S+ every 1h$/m)
  watching.child.kill('SIGINT')
  assert.equal((await watching.finished).status, 0)
})

test('a channel server that fails is reported once, counted, and not fatal', async () => {
  await using world = await syncWorld()
  await world.config(entry)
  world.channel('v1.99.0+k3s1')
  const watching = await world.start(['--watch', '--interval', '1s'])
  const printed = reading(watching)
  await until(() => printed.text.includes('still failing: k3s'))
  world.channel('v1.36.3+k3s1')
  await until(() => world.destinations[0].manifests.has('mirror/rancher/one:1'))
  watching.child.kill('SIGTERM')
  const { status, stdout } = await watching.finished
  assert.equal(status, 0)
  assert.equal(stdout.match(/not started/g)?.length, 1, stdout)
})

test('reports an address that cannot be listened on before the first run', async () => {
  await using world = await syncWorld()
  await world.config(entry)
  const { status, stderr } = await world.sync(['--watch', '--listen', world.source.host])
  assert.equal(status, 6)
  assert.match(stderr, /the port is in use/)
  assert.deepEqual(world.asked, [])
})

test('SIGTERM before the first run ends it with 0', async () => {
  const [command = '', ...args] = cliCommand()
  const child = spawn(command, [...args, 'sync', '--config', '-', '--watch'], { stdio: ['pipe', 'ignore', 'inherit'] })
  const exit = once(child, 'exit')
  // More than a pipe holds, so that this is written once the program reads; the end does not come.
  await new Promise<void>((resolve, reject) => child.stdin.write('#'.repeat(500_000), (error) => (error ? reject(error) : resolve())))
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

test('refuses an interval that is longer than a timer can wait, which would end at once', async () => {
  const { status, stderr } = await runCli(['sync', '--config', 'sync.yaml', '--watch', '--interval', '4w'])
  assert.deepEqual([status, /invalid value "4w" for --interval: expected at most 24d/.test(stderr)], [2, true], stderr)
})
