import assert from 'node:assert/strict'
import { relative } from 'node:path'
import { test } from 'node:test'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { mirroredRelease, type MirroredRelease } from './mirrored-release.ts'
import { canary, requireNoCanary } from './secured-destination.ts'

const auth = { username: 'robot', password: canary }

/** A destination with TLS and a password, mirrored to, and what a node needs to know of it. */
async function securedRelease() {
  const authority = await certificateAuthority()
  const line = await mirroredRelease({
    tls: await authority.server(),
    htpasswd: { robot: canary },
    logRequests: true,
    registries: (host) => ({ configs: { [host]: { auth, tls: { insecure_skip_verify: true } } } }),
  })
  return Object.assign(line, { caFile: await line.directory.write('ca.pem', authority.certificate) })
}

/** The result of verify for a node with this file; fails if any output contains the password. */
async function asNode(line: MirroredRelease, file: string, more: readonly string[] = []) {
  const result = await line.verifyJson(more, ['--as-node', '--registries', file])
  requireNoCanary(result.stdout, result.stderr)
  return result
}

function problems({ images }: VerifyReport): readonly (readonly [code: string, message: string])[] {
  return images.flatMap((image) => image.problems.map(({ code, message }) => [code, message] as const))
}

/** The problems of all images are one and the same, up to the names of the images. */
function sameProblem(report: VerifyReport, code: string, reason: RegExp): void {
  assert.equal(report.totals.failed, report.totals.images)
  for (const [found, message] of problems(report)) {
    assert.equal(found, code, message)
    assert.match(message, reason)
  }
}

test('a node pulls mirrored images with rewrite, TLS and its own password', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await securedRelease()
  const { from, to, image, caFile } = line
  const { status, stdout, report } = await asNode(line, await line.nodeFile({ auth, tls: { ca_file: caFile } }), [])
  assert.equal(status, 0, stdout)
  assert.equal(report.asNode, true)
  assert.deepEqual(report.images[0]?.endpoints, [
    {
      url: `${to.url}/v2`,
      repository: `mirror/${image.repository}`,
      default: false,
      credentials: 'basic',
      username: auth.username,
      configKey: to.host,
      tls: { caFile, certFile: null, keyFile: null, insecureSkipVerify: false },
      requestUrl: `${to.url}/v2/mirror/${image.repository}/manifests/${image.tag}?ns=${encodeURIComponent(from.host)}`,
      status: 'serves',
    },
    {
      url: `${from.url}/v2`,
      repository: image.repository,
      default: true,
      credentials: 'none',
      configKey: null,
      tls: { caFile: null, certFile: null, keyFile: null, insecureSkipVerify: false },
      requestUrl: `${from.url}/v2/${image.repository}/manifests/${image.tag}`,
      status: 'not-needed',
    },
  ])
  const asked = await to.requests()
  const first = asked.find(
    ({ method, target }) => method === 'HEAD' && target.includes(`/mirror/${image.repository}/manifests/${image.tag}?`),
  )
  assert.equal(first?.target, `/v2/mirror/${image.repository}/manifests/${image.tag}?ns=${encodeURIComponent(from.host)}`)
})

test('each mistake in a node configuration is one line for each image, with exit code 4', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await securedRelease()
  const { to, caFile } = line
  const stranger = await line.directory.write('other-ca.pem', (await certificateAuthority('another')).certificate)
  const tls = { ca_file: caFile }
  const disabled = ['--disable-default-registry-endpoint']
  const at = `https://127\\.0\\.0\\.1:\\d+/v2/mirror/rancher/[\\w-]+`
  const mistakes: readonly (readonly [name: string, config: object | undefined, mirror: object, code: string, reason: RegExp])[] = [
    [
      'wrong CA',
      { auth, tls: { ca_file: stranger } },
      {},
      'TLS',
      new RegExp(`${at}: its certificate is not signed by a trusted authority`),
    ],
    ['no CA', { auth }, {}, 'TLS', new RegExp(`${at}: its certificate is not signed by a trusted authority`)],
    [
      'wrong password',
      { auth: { ...auth, password: 'wrong' }, tls },
      {},
      'UNAUTHORIZED',
      new RegExp(`${at}: .* refused the credentials sent as user "robot", from configs\\."127\\.0\\.0\\.1:\\d+"\\.auth of /`),
    ],
    ['no password', { tls }, {}, 'UNAUTHORIZED', new RegExp(`${at}: .*no credentials were found for .*; looked in configs\\.`)],
    [
      'registry down',
      { auth, tls },
      { endpoint: ['https://127.0.0.1:1'] },
      'UNREACHABLE',
      /127\.0\.0\.1:1\/v2\/mirror\/.*: the connection was refused$/,
    ],
    [
      'rewrite that misses',
      { auth, tls },
      { rewrite: { '^rancher$': 'mirror/rancher' } },
      'NOT_FOUND',
      /\/v2\/rancher\/[\w-]+: not found, under a name that no rewrite changes$/,
    ],
    [
      'rewrite to nonsense',
      { auth, tls },
      { rewrite: { '^rancher/(.*)': 'mirror//$1' } },
      'INVALID_REWRITE',
      /: the rewrite turns rancher\/[\w-]+ into "mirror\/\/[\w-]+", which is not a valid repository name$/,
    ],
    [
      'a missing CA file',
      { auth, tls: { ca_file: '/missing/ca.pem' } },
      {},
      'INVALID_CONFIG',
      /: containerd cannot use configs\."127\.0\.0\.1:\d+"\.tls\.ca_file, so it sends no requests: \/missing\/ca\.pem cannot be read \(ENOENT\)$/,
    ],
    [
      'a CA file with a relative path',
      { auth, tls: { ca_file: relative(process.cwd(), caFile) } },
      {},
      'INVALID_CONFIG',
      /: containerd cannot use configs\."127\.0\.0\.1:\d+"\.tls\.ca_file, so it sends no requests: \.\.\/.*ca\.pem is relative to the directory of the hosts\.toml that K3s writes$/,
    ],
  ]
  for (const [name, config, mirror, code, reason] of mistakes) {
    await t.test(name, async () => {
      const { status, report } = await asNode(line, await line.nodeFile(config, mirror), disabled)
      assert.equal(status, 4)
      assert.equal(problems(report).length, 2)
      sameProblem(report, code, reason)
    })
  }

  await t.test('only reachable upstream', async () => {
    const { status, report } = await asNode(line, await line.nodeFile({ auth, tls }, { rewrite: {} }))
    assert.equal(status, 4)
    sameProblem(report, 'UPSTREAM_ONLY', /is only reachable upstream, at http:.*: https:.*: not found$/)
    const unmirrored = await asNode(line, await line.directory.write('none.yaml', '{}'))
    assert.equal(unmirrored.status, 4)
    sameProblem(unmirrored.report, 'UPSTREAM_ONLY', /: no mirror is configured for it$/)
  })

  await t.test('a deleted blob is reported as served by upstream, and as missing without upstream', async () => {
    const layer = line.image.manifests[0]?.layers[0]?.digest ?? ''
    const file = await line.nodeFile({ auth, tls })
    await using damage = await line.remove('blob', layer)
    const open = await asNode(line, file)
    assert.deepEqual([open.status, problems(open.report).map(([code]) => code)], [4, ['UPSTREAM_ONLY']], damage.what)
    const closed = await asNode(line, file, disabled)
    assert.deepEqual([closed.status, problems(closed.report).map(([code]) => code)], [4, ['NOT_FOUND']])
    assert.match(problems(closed.report)[0]?.[1] ?? '', new RegExp(`layer ${layer} \\(linux/amd64\\) is missing: ${at}: not found$`))
  })

  await t.test('a moved tag is reported against the image at --to', async () => {
    const file = await line.nodeFile({ auth, tls })
    const same = ['--to', `${to.url}/mirror`]
    const whole = await asNode(line, file, same)
    assert.equal(whole.status, 0, whole.stdout)
    assert.equal(whole.report.images[0]?.destination, `${to.host}/mirror/rancher/klipper-lb:v0.4.17`)
    await using moved = await line.moveTag(line.image.manifests[0]?.digest ?? '')
    assert.equal((await asNode(line, file, same)).status, 0, moved.what)
    const { status, report } = await asNode(line, file, ['--expect', line.mirrorReport])
    assert.deepEqual([status, problems(report).map(([code]) => code)], [4, ['TAG_MOVED']])
  })
})

test('a node sends its client certificate, also from a single file with the key', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const authority = await certificateAuthority()
  const tls = { ...(await authority.server()), clientCa: authority.certificate }
  await using guarded = await startDockerRegistry({ tls, rootDirectory: line.to.rootDirectory })
  const { certificate, key } = await authority.client()
  const write = (name: string, text: string) => line.directory.write(name, text)
  const [ca, cert, keyFile, both] = await Promise.all([
    write('ca.pem', authority.certificate),
    write('cert.pem', certificate),
    write('key.pem', key),
    write('both.pem', `${certificate}\n${key}`),
  ])
  const run = async (config: object) => {
    const mirrors = { [line.from.host]: { endpoint: [guarded.url], rewrite: { '^rancher/(.*)': 'mirror/rancher/$1' } } }
    const file = await write('node.yaml', JSON.stringify({ mirrors, configs: { [guarded.host]: { tls: { ca_file: ca, ...config } } } }))
    return asNode(line, file, ['--disable-default-registry-endpoint'])
  }
  assert.equal((await run({ cert_file: cert, key_file: keyFile })).status, 0)
  assert.equal((await run({ cert_file: both, key_file: both })).status, 0)
  // containerd takes an empty name for the directory of the hosts.toml, and cannot read that.
  const half = await run({ cert_file: both })
  assert.equal(half.status, 4)
  sameProblem(half.report, 'INVALID_CONFIG', /\.tls\.cert_file, so it sends no requests: cert_file requires key_file$/)
  const without = await run({})
  assert.equal(without.status, 4)
  sameProblem(without.report, 'TLS', /: it requires a client certificate, or rejects ours/)
})

test('with --to, a node must get the image at the destination', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const { image, from, to } = line
  const file = await line.directory.write('node.yaml', JSON.stringify({ mirrors: { 'docker.io': { endpoint: [from.url] } } }))
  const node = ['--as-node', '--registries', file, '--disable-default-registry-endpoint', '--to', `${to.url}/mirror`]
  const run = () => runCli(['verify', image.reference, ...node])
  assert.equal((await run()).status, 0)
  const [child] = image.manifests
  assert.ok(child)
  await using moved = await line.moveTag(child.digest)
  const { status, stdout } = await run()
  assert.equal(status, 4, moved.what)
  const [there, got] = [`${to.url}/v2/mirror/${image.repository}`, `${from.url}/v2/${image.repository}`]
  const message = `${image.reference}: the tag has moved: ${got} has ${image.index.digest}, ${there} ${child.digest} (TAG_MOVED)`
  assert.ok(stdout.includes(`\nproblem: ${message}\n`), stdout)
})

test('a node falls back to the second mirror, and a note names the first', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const file = await line.nodeFile(undefined, { endpoint: ['http://127.0.0.1:1', line.to.url] })
  const { status, stdout } = await line.verify([], ['--as-node', '--registries', file])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^note: another endpoint served 2 images instead of http:\/\/127\.0\.0\.1:1\/v2: the connection was refused$/m)
  assert.match(stdout, new RegExp(`klipper-lb:v0\\.4\\.17 +ok .* ${line.to.url}/v2  linux/amd64,linux/arm64,linux/arm/v7$`, 'm'))
})

test('a password in the URL of an endpoint is not printed', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const endpoint = [line.to.url.replace('//', '//robot:secret-word@')]
  const where = ['--as-node', '--registries', await line.nodeFile(undefined, { endpoint })]
  for (const format of ['text', 'json', 'junit', 'markdown']) {
    const { status, stdout, stderr } = await line.verify(['--output', format], where)
    assert.equal(status, 0, stdout)
    assert.ok(stdout.includes(`${line.to.url}/v2`) && !`${stdout}${stderr}`.includes('secret-word'), format)
  }
})

test('a rewrite that makes the hosts.toml invalid is a warning: containerd ignores the mirror', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const file = await line.nodeFile(undefined, { rewrite: { '^rancher\\/(.*)': 'mirror/rancher/$1' } })
  const { status, report } = await line.verifyJson([], ['--as-node', '--registries', file])
  assert.equal(status, 4)
  assert.deepEqual(report.warnings, [
    `mirrors."${line.from.host}" produces an invalid hosts.toml, which containerd ignores with every mirror in it`,
  ])
})

test('an unusable TLS file is a warning with --to, where no setting of the file is used', async () => {
  await using directory = await tempDir()
  const text = 'configs: {other.example.com: {tls: {ca_file: /missing.pem}}}'
  const file = await directory.write('registries.yaml', text)
  const node = ['verify', '127.0.0.1:1/x:1', '--as-node', '--registries', file, '--retries', '0']
  const warning =
    /^warning: --to: asked without the TLS and credentials of .*registries\.yaml: .*\/missing\.pem cannot be read \(ENOENT\)$/m
  assert.match((await runCli([...node, '--to', 'http://127.0.0.1:1'])).stdout, warning)
  assert.doesNotMatch((await runCli(node)).stdout, /^warning/m)
})

test('a file that K3s does not start with is rejected before any request', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', 'mirrors: [1]\n')
  const { status, stdout, stderr } = await runCli(['verify', 'rancher/x:1', '--as-node', '--registries', file])
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /registries\.yaml:1:10: mirrors: .* \(INVALID_CONFIG\)$/m)
})

test('options of a node are rejected without --as-node', async () => {
  for (const option of [['--embedded-registry'], ['--disable-default-registry-endpoint'], ['--k3s-version', 'v1.30.0+k3s1']]) {
    const { status, stdout, stderr } = await runCli(['verify', 'rancher/x:1', '--to', '127.0.0.1:1', ...option])
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, new RegExp(`^error: ${option[0] ?? ''} requires --as-node \\(USAGE\\)\nhint: `))
  }
})
