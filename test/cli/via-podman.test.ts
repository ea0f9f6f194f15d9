import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { packTar } from '../bundle/bundle-files.ts'
import { dockerSave } from '../bundle/foreign-files.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { startPodman, type Podman } from '../servers/podman.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, type SeededRelease } from '../servers/seed-release.ts'

interface Place extends AsyncDisposable {
  readonly podman: Podman
  readonly from: TestRegistry
  readonly to: TestRegistry
  readonly release: SeededRelease
  /** Runs a command through Podman, from the first registry to a prefix of the second. */
  run(command: string, prefix: string, ...options: readonly string[]): Promise<CliResult>
}

/** Podman between two registries, the first with two images of several platforms. */
async function place(): Promise<Place> {
  const [from, to] = [await startRegistry({ sparse: true }), await startRegistry({ sparse: true })]
  const layers = [{ megabytes: 0.2 }]
  const release = makeRelease({
    images: [
      { repository: 'rancher/one', tag: '1', kind: 'oci', layers },
      { repository: 'rancher/two', tag: '2', kind: 'attested', layers },
    ],
  })
  await pushRelease(from.url, release)
  const podman = await startPodman([from.host, to.host])
  const own = ['--via', 'docker', '--docker-host', podman.host, '--from', `docker.io=${from.url}`, '--output', 'json', '--images', '-']
  return {
    podman,
    from,
    to,
    release,
    run: (command, prefix, ...options) =>
      runCli([command, ...own, '--to', `${to.url}/${prefix}`, ...options], { stdin: release.list, timeout: 300_000 }),
    async [Symbol.asyncDispose]() {
      await podman[Symbol.asyncDispose]()
      await from[Symbol.asyncDispose]()
      await to[Symbol.asyncDispose]()
    },
  }
}

const reportOf = ({ stdout, stderr }: CliResult): MirrorReport => {
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as MirrorReport
}

test('a real Podman carries images of one and of several platforms, and holds afterwards what it held before', async (t) => {
  if (!requireServer(t, 'podman')) return
  await using at = await place()
  const { podman, from, to, release } = at
  await podman.pull(`${from.host}/rancher/one`, '1', 'linux/arm64')
  const held = await podman.names()
  assert.deepEqual(held, [`${from.host}/rancher/one:1`])
  for (const [prefix, platforms] of [
    ['single', ['linux/amd64']],
    ['several', ['linux/amd64', 'linux/arm64']],
  ] as const) {
    const first = reportOf(await at.run('mirror', prefix, '--platform', platforms.join(',')))
    assert.deepEqual([first.totals.copied, first.totals.failed, first.engine?.store], [2, 0, 'podman'], prefix)
    assert.deepEqual(await podman.names(), held)
    const references = release.images.map(({ reference }) => reference)
    const verified = await runCli(['verify', ...references, '--to', `${to.url}/${prefix}`, '--platform', platforms.join(','), '--deep'])
    assert.equal(verified.status, 0, verified.stdout)
    const again = reportOf(await at.run('mirror', prefix, '--platform', platforms.join(',')))
    assert.deepEqual([again.totals.upToDate, again.totals.bytesCopied], [2, 0], prefix)
    assert.deepEqual(
      again.images.map((image) => image.digest),
      first.images.map((image) => image.digest),
    )
  }
})

test('what Podman cannot tell is asked of the user before anything is pulled, and what it refuses is named', async (t) => {
  if (!requireServer(t, 'podman')) return
  await using at = await place()
  const requests = at.from.log.length
  const without = await at.run('mirror', 'x')
  assert.equal(without.status, 2, without.stderr)
  assert.match(without.stderr, /does not report the platforms of docker\.io\/rancher\/one:1 before a pull \(USAGE\)/)
  assert.equal(at.from.log.length, requests)
  const { images } = reportOf(await at.run('mirror', 'x', '--platform', 'linux/s390x'))
  assert.deepEqual(
    images.map(({ error }) => error?.code),
    ['NO_SUCH_PLATFORM', 'NO_SUCH_PLATFORM'],
  )
  assert.deepEqual(await at.podman.names(), [])
})

test('an archive is loaded into Podman, and not again', async (t) => {
  if (!requireServer(t, 'podman')) return
  await using podman = await startPodman([])
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] }))
  const load = async (): Promise<MirrorReport> =>
    reportOf(await runCli(['bundle', 'load', archive.path, '--docker-host', podman.host, '--output', 'json']))
  assert.equal((await load()).totals.copied, 1)
  assert.deepEqual(await podman.names(), ['docker.io/site/tool:1'])
  assert.equal((await load()).totals.upToDate, 1)
})
