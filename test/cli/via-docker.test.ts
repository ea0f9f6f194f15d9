import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { busyboxLine, makeBusyboxRelease } from '../servers/busybox-image.ts'
import { startDockerEngine, type DockerEngine } from '../servers/docker-engine.ts'
import { startDockerRegistry, type DockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, startCli, type CliResult } from '../servers/run-cli.ts'
import { pushRelease, seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { canary, requireNoCanary } from './secured-destination.ts'

let engine: DockerEngine | undefined
let from: DockerRegistry
let to: DockerRegistry
let release: SeededRelease

const canRun = (t: TestContext): boolean => requireServer(t, 'dockerd') && requireServer(t, 'docker-registry')
/** The Engine of all tests, which leave it as they found it. */
async function theEngine(): Promise<DockerEngine> {
  engine ??= await startDockerEngine()
  return engine
}

before(async () => {
  if (process.getuid?.() !== 0) return
  try {
    ;[from, to] = await Promise.all([startDockerRegistry(), startDockerRegistry({ logRequests: true })])
  } catch {
    // each test says that it is missing
    return
  }
  release = await seedRelease(from.url)
})
after(async () => {
  for (const server of [engine, from, to]) await server?.[Symbol.asyncDispose]()
})

/** Mirrors the release through the Engine to a prefix of the destination. */
async function mirror(prefix: string, more: readonly string[], stdin: string = release.list): Promise<CliResult> {
  const { host } = await theEngine()
  const args = ['mirror', '--via', 'docker', '--images', '-', '--from', `docker.io=${from.url}`, '--to', `${to.url}/${prefix}`]
  return runCli([...args, ...more], { stdin, env: { DOCKER_HOST: host }, timeout: 300_000 })
}

async function tagsOf(repository: string): Promise<readonly string[]> {
  const { body } = await plainRequest(`${to.url}/v2/${repository}/tags/list`)
  return (JSON.parse(body.toString()) as { readonly tags: readonly string[] }).tags
}

test('every image of a release goes through a real Engine, is pulled from the destination by docker and skopeo, and leaves nothing behind', async (t) => {
  if (!canRun(t) || !requireServer(t, 'skopeo')) return
  const docker = await theEngine()
  const mine = `${from.host}/${release.images[0]?.repository}:${release.images[0]?.tag}`
  await docker.docker('pull', '--platform', 'linux/arm64', mine)
  const held = await docker.images()
  const { status, stdout, stderr } = await mirror('one', ['--platform', 'linux/amd64', '--output', 'json'])
  assert.equal(status, 0, stderr)
  const report = JSON.parse(stdout) as MirrorReport
  assert.deepEqual(
    [report.totals.copied, report.totals.failed, report.engine],
    [release.images.length, 0, { apiVersion: '1.41', store: 'classic' }],
  )
  for (const image of report.images) {
    assert.deepEqual([image.digestPreserved, image.platforms], [false, ['linux/amd64']])
    const { total, copied, mounted, present } = image.bytes
    assert.ok(total > 0 && total === copied + mounted + present, image.source)
  }
  assert.deepEqual(await docker.images(), held, 'the Engine holds what it held before')
  for (const { repository, tag } of release.images) {
    const inspected = JSON.parse(await skopeo('inspect', `docker://${to.host}/one/${repository}:${tag}`)) as { Architecture: string }
    assert.equal(inspected.Architecture, 'amd64')
    await docker.docker('pull', `${to.host}/one/${repository}:${tag}`)
    await docker.docker('image', 'rm', `${to.host}/one/${repository}:${tag}`)
  }

  const again = await mirror('one', ['--platform', 'linux/amd64', '--output', 'json'])
  const { totals } = JSON.parse(again.stdout) as MirrorReport
  assert.deepEqual([again.status, totals.upToDate, totals.bytesCopied], [0, release.images.length, 0])
  assert.deepEqual(await docker.images(), held)
  await docker.docker('image', 'rm', mine)
})

test('joins two platforms under one index per tag without extra tags, and pulls nothing in a second run', async (t) => {
  if (!canRun(t) || !requireServer(t, 'skopeo')) return
  const docker = await theEngine()
  const platforms = ['--platform', 'linux/amd64,linux/arm64']
  // OCI and Docker types, and one with attestations: what the whole release takes is long enough above
  const images = release.images.filter(({ repository }) => /klipper-lb|coredns|busybox/.test(repository))
  const stdin = images.map(({ reference }) => `${reference}\n`).join('')
  assert.equal(images.length, 3)
  const { status, stderr } = await mirror('two', platforms, stdin)
  assert.equal(status, 0, stderr)
  for (const { repository, tag } of images) {
    assert.deepEqual(await tagsOf(`two/${repository}`), [tag])
    for (const architecture of ['amd64', 'arm64']) {
      const place = `docker://${to.host}/two/${repository}:${tag}`
      const inspected = JSON.parse(await skopeo('inspect', '--override-arch', architecture, place)) as { Architecture: string }
      assert.equal(inspected.Architecture, architecture)
    }
  }
  assert.deepEqual(await docker.images(), [])
  const again = await mirror('two', [...platforms, '--events', '-'], stdin)
  assert.equal(again.status, 0, again.stderr)
  assert.doesNotMatch(again.stdout, /"image-started"/)
  const plan = await runCli(
    [
      'plan',
      '--via',
      'docker',
      '--docker-host',
      docker.host,
      ...platforms,
      '--from',
      `docker.io=${from.url}`,
      '--to',
      `${to.url}/two`,
      '--images',
      '-',
    ],
    { stdin },
  )
  assert.match(plan.stdout, /^all 3 images are up to date$/m)
})

test('plan says what the Engine holds already', async (t) => {
  if (!canRun(t)) return
  const docker = await theEngine()
  const [first, second] = release.images
  const mine = `${from.host}/${first?.repository}:${first?.tag}`
  await docker.docker('pull', mine)
  const args = ['plan', '--via', 'docker', '--docker-host', docker.host, '--platform', 'linux/amd64', '--from', `docker.io=${from.url}`]
  const references = [first?.reference ?? '', second?.reference ?? '']
  const { status, stdout } = await runCli([...args, '--to', `${to.url}/planned`, '--output', 'json', ...references])
  assert.equal(status, 0)
  const { images } = JSON.parse(stdout) as { images: { heldByEngine: string[]; state: string }[] }
  assert.deepEqual(
    images.map(({ heldByEngine, state }) => [heldByEngine, state]),
    [
      [['linux/amd64'], 'new'],
      [[], 'new'],
    ],
  )
  const text = await runCli([...args, '--to', `${to.url}/planned`, ...references])
  assert.match(text.stdout, /IN THE ENGINE/)
  await docker.docker('image', 'rm', mine)
})

test('a busybox that went this way runs', async (t) => {
  if (!canRun(t)) return
  const docker = await theEngine()
  const reference = 'docker.io/library/busybox:1'
  await pushRelease(from.url, await makeBusyboxRelease([reference]))
  const args = ['mirror', '--via', 'docker', '--docker-host', docker.host, '--from', `docker.io=${from.url}`, '--to', `${to.url}/run`]
  const { status, stderr } = await runCli([...args, '--platform', 'linux/amd64', reference])
  assert.equal(status, 0, stderr)
  const image = `${to.host}/run/library/busybox:1`
  const { stdout } = await docker.docker('run', '--rm', '--network', 'none', image)
  assert.equal(stdout.trim(), busyboxLine)
  await docker.docker('image', 'rm', image)
  assert.deepEqual(await docker.images(), [])
})

test('sends passwords to the registries through the Engine, and never prints them', async (t) => {
  if (!canRun(t)) return
  const docker = await theEngine()
  const user = { htpasswd: { robot: canary } }
  await using closedFrom = await startDockerRegistry(user)
  await using closedTo = await startDockerRegistry(user)
  const authorization = `Basic ${Buffer.from(`robot:${canary}`).toString('base64')}`
  await pushRelease(closedFrom.url, { ...release, images: release.images.slice(0, 1) }, { request: { headers: { authorization } } })
  await using config = await tempDir()
  await config.write(
    'config.json',
    JSON.stringify({ auths: { [closedFrom.host]: { auth: Buffer.from(`robot:${canary}`).toString('base64') } } }),
  )
  const args = ['mirror', '--via', 'docker', '--docker-host', docker.host, '--from', `docker.io=${closedFrom.url}`, '--to', closedTo.url]
  const env = { DOCKER_CONFIG: config.path, K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: canary, DEBUG: '*' }
  const image = release.images[0]?.reference ?? ''
  const done = await runCli([...args, '--platform', 'linux/amd64', '--verbose', '--events', '-', image], { env })
  assert.equal(done.status, 0, done.stderr)
  const header = Buffer.from(JSON.stringify({ username: 'robot', password: canary }))
    .toString('base64')
    .slice(0, 24)
  for (const text of [done.stdout, done.stderr, docker.log().join('\n')]) {
    requireNoCanary(text)
    assert.ok(!text.includes(header))
  }

  const wrong = await runCli([...args, '--platform', 'linux/amd64', image, '--recheck'], {
    env: { ...env, K3S_MIRROR_PASSWORD: 'wrong', DEBUG: '' },
  })
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr + wrong.stdout, /UNAUTHORIZED/)
  assert.deepEqual(await docker.images(), [])
})

test('Ctrl-C ends the push and takes away what was pulled', async (t) => {
  if (!canRun(t)) return
  const docker = await theEngine()
  let isPushing: () => void = () => undefined
  const pushing = new Promise<void>((resolve) => (isPushing = resolve))
  await using slow = await faultProxy(to.url, ({ method }) => {
    if (method !== 'POST' && method !== 'PATCH') return undefined
    isPushing()
    return { fault: 'stall' }
  })
  const args = ['mirror', '--via', 'docker', '--docker-host', docker.host, '--from', `docker.io=${from.url}`, '--to', `${slow.url}/stopped`]
  const running = await startCli([...args, '--platform', 'linux/amd64', release.images[0]?.reference ?? ''])
  await pushing
  running.child.kill('SIGINT')
  assert.equal((await running.finished).status, 130)
  assert.deepEqual(await docker.images(), [])
})

// F149
test('a full disk of the Engine stops the run with one reason, and nothing is left', async (t) => {
  if (!canRun(t)) return
  await using small = await startDockerEngine({ dataRootBytes: 2 << 20 })
  const args = [
    'mirror',
    '--via',
    'docker',
    '--docker-host',
    small.host,
    '--from',
    `docker.io=${from.url}`,
    '--to',
    `${to.url}/full`,
    '--images',
    '-',
  ]
  const { status, stderr } = await runCli([...args, '--platform', 'linux/amd64'], { stdin: release.list })
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`FAILED all ${release.images.length} images: .*free.*\\(NO_SPACE\\)`))
  assert.match(stderr, /hint: free space there/)
  assert.deepEqual(await small.images(), [])
})

// F142
test('without an Engine one line says so, and what to do', async () => {
  await using directory = await tempDir()
  const args = ['mirror', '--via', 'docker', '--to', 'registry.example.com', '--platform', 'linux/amd64', 'rancher/x:1']
  for (const [host, words] of [
    [`unix://${directory.path}/docker.sock`, /the socket does not exist \(ENGINE_UNAVAILABLE\)\nhint: start the daemon/],
    ['tcp://127.0.0.1:1', /the connection was refused \(ENGINE_UNAVAILABLE\)/],
  ] as const) {
    const { status, stderr, stdout } = await runCli([...args, '--docker-host', host])
    assert.deepEqual([status, stdout], [6, ''])
    assert.match(stderr, words)
  }
})

test('what an Engine cannot do, or is not there for, is refused before anything moves', async () => {
  const mirrorTo = ['mirror', '--to', 'registry.example.com', 'rancher/x:1']
  const viaDocker = ['--via', 'docker', '--docker-host', 'unix:///missing', '--platform', 'linux/amd64']
  for (const [args, words] of [
    [[...mirrorTo, '--keep'], /--keep requires --via docker/],
    [[...mirrorTo, '--docker-host', 'unix:///x'], /--docker-host requires --via docker/],
    [[...mirrorTo, ...viaDocker, '--sparse'], /--sparse is unsupported with --via docker/],
    [[...mirrorTo, ...viaDocker, '--foreign-layers'], /--foreign-layers is unsupported with --via docker/],
    [[...mirrorTo, ...viaDocker, '--blob-jobs', '2'], /--blob-jobs is unsupported with --via docker/],
    [['mirror', '--to', 'oci:/tmp/x', 'rancher/x:1', ...viaDocker], /--to oci:\/tmp\/x is unsupported with --via docker/],
    [[...mirrorTo, '--via', 'podman'], /expected registry, docker/],
  ] as const) {
    const { status, stderr } = await runCli(args)
    assert.equal(status, 2)
    assert.match(stderr, words)
  }
})
