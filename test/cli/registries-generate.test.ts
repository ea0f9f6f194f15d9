import assert from 'node:assert/strict'
import { readFile, readdir, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { parseRegistries } from '../../src/registries-yaml/read/parse-registries.ts'
import { createResolver } from '../../src/registries-yaml/resolve/resolve-reference.ts'
import { fileServer, fixture, sha256Hex } from '../release/file-server.ts'
import { runCli, type CliOptions, type CliResult } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const names = (await fixture('k3s-images.v1.37.1+k3s1.txt')).toString().trim().split('\n')
const all = [...names, 'ghcr.io/fluxcd/source-controller:v1', 'registry.k8s.io/sig-storage/csi-provisioner:v4']
const rewritten = ['--rewrite', '^rancher/mirrored-(.*)=k3s/$1', '--rewrite', '^(fluxcd)/=ours/$1/']

function generate(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(['registries', 'generate', ...args], options)
}

/** Where a node with this file looks first, as `host/path`. */
function firstPlaces(text: string, images: readonly string[]): readonly string[] {
  const { registries, problems } = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(problems, [])
  const resolver = createResolver(registries)
  return images.map((image) => {
    const [first] = resolver.resolve(parseReference(image)).endpoints
    return `${first?.host ?? ''}/${first?.repository ?? ''}`
  })
}

test('generate prints the file to standard output, and notes to standard error', async () => {
  const { status, stdout, stderr } = await generate([...all, '--to', 'reg.example.com:5000/mirror'])
  assert.equal(status, 0, stderr)
  assert.match(
    stdout,
    /^# registries\.yaml for K3s nodes, made by k3s-mirror [0-9.]+\n# for 10 images at https:\/\/reg\.example\.com:5000\/mirror\n/,
  )
  assert.deepEqual(
    firstPlaces(stdout, all),
    all.map((image) => `reg.example.com:5000/mirror/${parseReference(image).path}`),
  )
  assert.match(
    stderr,
    /^note: --system-default-registry reg\.example\.com:5000\/mirror can replace the mirrors for K3s' own images; 2 other images need them still: ghcr\.io\/fluxcd\/source-controller:v1, registry\.k8s\.io\/sig-storage\/csi-provisioner:v4$/m,
  )
  const quiet = await generate([...names, '--to', 'reg.example.com:5000/mirror', '--quiet'])
  assert.deepEqual([quiet.status, quiet.stderr], [0, ''])
})

test('the header names the release, and a note names the value of --system-default-registry', async () => {
  const list = (await fixture('k3s-images.v1.37.1+k3s1.txt')).toString()
  await using server = await fileServer({
    '/v1.37.1%2Bk3s1/k3s-images.txt': list,
    '/v1.37.1%2Bk3s1/sha256sum-amd64.txt': `${sha256Hex(list)}  k3s-images.txt\n`,
  })
  const { status, stdout, stderr } = await generate([
    '--release',
    'v1.37.1+k3s1',
    '--to',
    'reg.example.com/m',
    '--artifact-url',
    server.url,
  ])
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^# for v1\.37\.1\+k3s1 \(8 images\) at https:\/\/reg\.example\.com\/m$/m)
  assert.match(stderr, /^note: --system-default-registry reg\.example\.com\/m can replace the mirrors for K3s' own images$/m)
})

test('--system-default-registry replaces no mirror of the upgrade images', async () => {
  const list = (await fixture('k3s-images.v1.40.0+k3s1.txt')).toString().replace('klipper-lb', 'a-coming-component')
  await using server = await fileServer({
    '/v1.40.0%2Bk3s1/k3s-images.txt': list,
    '/v1.40.0%2Bk3s1/sha256sum-amd64.txt': `${sha256Hex(list)}  k3s-images.txt\n`,
  })
  const args = ['--release', 'v1.40.0+k3s1', '--with-upgrade-images', '--to', 'reg.example.com', '--artifact-url', server.url]
  const { status, stderr } = await generate(args)
  assert.equal(status, 0, stderr)
  assert.match(stderr, /own images; 1 other image needs them still: docker\.io\/rancher\/k3s-upgrade:v1\.40\.0-k3s1$/m)
})

test('a wildcard is rejected for an older release', async () => {
  await using server = await fileServer({ '/v1.17.4%2Bk3s1/k3s-images.txt': await fixture('k3s-images.v1.17.4+k3s1.txt') })
  const { status, stdout, stderr } = await generate([
    '--release',
    'v1.17.4+k3s1',
    '--wildcard',
    '--to',
    'reg.example.com',
    '--artifact-url',
    server.url,
  ])
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /^error: cannot use --wildcard: K3s v1\.17\.4 .* \(USAGE\)\nhint: /m)
})

test('--rewrite, --flatten and --wildcard', async () => {
  const renamed = await generate([...all, '--to', 'http://reg.example.com/p', ...rewritten])
  assert.deepEqual(
    firstPlaces(renamed.stdout, ['rancher/mirrored-pause', 'rancher/klipper-lb', 'ghcr.io/fluxcd/source-controller']),
    ['k3s/pause', 'rancher/klipper-lb', 'ours/fluxcd/source-controller'].map((path) => `reg.example.com/p/${path}`),
    renamed.stderr,
  )
  const flat = await generate([...all, '--to', 'reg.example.com/p', '--flatten', '--wildcard'])
  assert.deepEqual(
    firstPlaces(flat.stdout, ['quay.io/a/b/c', ...all]),
    ['c', ...all.map((image) => parseReference(image).path.replace(/.*\//, ''))].map((path) => `reg.example.com/p/${path}`),
    flat.stderr,
  )
})

test('--output json has the text, the mirrors, the notes and the flag', async () => {
  const { status, stdout, stderr } = await generate([...names, 'quay.io/a/b', '--to', 'reg.example.com/p', '--output', 'json'])
  assert.deepEqual([status, stderr], [0, ''])
  const { text, notes, ...document } = JSON.parse(stdout) as { text: string; notes: readonly string[] }
  const mirror = { endpoint: ['https://reg.example.com'], rewrite: { '^(.*)$': 'p/$1' } }
  assert.deepEqual(document, {
    schemaVersion: 1,
    command: 'registries generate',
    destination: 'reg.example.com/p',
    mirrors: { 'docker.io': mirror, 'quay.io': mirror },
    warnings: [],
    systemDefaultRegistry: 'reg.example.com/p',
    needMirrors: ['quay.io/a/b:latest'],
  })
  assert.deepEqual(notes, [])
  assert.equal(text, (await generate([...names, 'quay.io/a/b', '--to', 'reg.example.com/p'])).stdout)
  const value = JSON.parse((await generate([...names, '--to', 'reg.example.com/p', '--output', 'json'])).stdout) as object
  assert.deepEqual('systemDefaultRegistry' in value && value.systemDefaultRegistry, 'reg.example.com/p')
})

test('--out writes a file with mode 0600, and overwrites another one only with --force', async () => {
  await using directory = await tempDir()
  const out = `${directory.path}/registries.yaml`
  const args = [...names, '--to', 'reg.example.com', '--out', out]
  const first = await generate(args)
  assert.deepEqual([first.status, first.stdout], [0, ''], first.stderr)
  assert.match(first.stderr, new RegExp(`^wrote ${out}$`, 'm'))
  assert.equal((await stat(out)).mode & 0o777, 0o600)
  const text = await readFile(out, 'utf8')
  assert.deepEqual(firstPlaces(text, names.slice(0, 1)), [`reg.example.com/${parseReference(names[0] ?? '').path}`])
  const second = await generate([...args, '--flatten'])
  assert.equal(second.status, 2)
  assert.match(second.stderr, /^error: .*: it already exists \(USAGE\)\nhint: .*--force/m)
  assert.equal(await readFile(out, 'utf8'), text)
  const forced = await generate([...args, '--flatten', '--force', '--output', 'json'])
  assert.equal(forced.status, 0, forced.stderr)
  assert.equal((JSON.parse(forced.stdout) as { file: string; text: string }).file, out)
  assert.equal(await readFile(out, 'utf8'), (JSON.parse(forced.stdout) as { text: string }).text)
  assert.deepEqual(await readdir(directory.path), ['registries.yaml'])
})

test('generate checks the output file before it fetches a list', async () => {
  await using directory = await tempDir()
  await using server = await fileServer({})
  const list = ['--images', `${server.url}/list.txt`, '--to', 'reg.example.com']
  const missing = await generate([...list, '--out', `${directory.path}/no/registries.yaml`])
  assert.equal(missing.status, 2)
  assert.match(missing.stderr, /^error: cannot write registries\.yaml to .*no such file or directory \(LOCAL_IO\)$/m)
  const folder = await generate([...list, '--out', directory.path, '--force'])
  assert.equal(folder.status, 2)
  assert.match(folder.stderr, /not a file/)
  const own = await directory.write('own.yaml', 'configs: {}\n')
  const twice = await generate([...list, '--registries', own, '--out', own, '--force'])
  assert.equal(twice.status, 2)
  assert.match(twice.stderr, /is named twice/)
  assert.deepEqual(server.requests, [])
})

test('generate copies TLS and credentials of --registries, credentials only into a file', async () => {
  await using directory = await tempDir()
  const registries = await directory.write(
    'own.yaml',
    'configs:\n  "REG.example.com:443":\n    auth:\n      username: bob\n      password: s3cret-word\n  other.example.com:\n    auth:\n      username: mallory\n      password: an0ther\n',
  )
  const out = `${directory.path}/nodes.yaml`
  const args = [...names, '--to', 'reg.example.com/p', '--registries', registries, '--ca-file', '/etc/ca.crt']
  const shown = await generate(args)
  assert.equal(shown.status, 0, shown.stderr)
  assert.match(shown.stdout, /^ {4}# {3}username: "bob"\n {4}# {3}password: PASSWORD$/m)
  const json = await generate([...args, '--out', out, '--output', 'json'])
  for (const text of [shown.stdout, shown.stderr, json.stdout, json.stderr]) assert.doesNotMatch(text, /s3cret|an0ther|mallory/)
  const { registries: written } = parseRegistries(await readFile(out, 'utf8'), out)
  assert.deepEqual(
    [...written.configs].map(([key, { auth, tls }]) => [key, auth?.username, auth?.password, tls?.caFile]),
    [['reg.example.com', 'bob', 's3cret-word', '/etc/ca.crt']],
  )
})

const mistakes: readonly (readonly [RegExp, readonly string[]])[] = [
  [/an OCI layout/, ['--to', 'oci:/tmp/x']],
  [/unsupported scheme ftp/, ['--to', 'ftp://reg.example.com']],
  [/missing required option --to/, []],
  [/--ca-file requires https/, ['--to', 'http://reg.example.com', '--ca-file', '/ca.crt']],
  [/--cert-file requires --key-file/, ['--to', 'reg.example.com', '--cert-file', '/c.crt']],
  [/^error: --password-stdin requires --username \(USAGE\)$/m, ['--to', 'reg.example.com', '--password-stdin']],
  [/both read standard input/, ['--to', 'reg.example.com', '--username', 'node', '--password-stdin', '--images', '-']],
  [/the password is empty/, ['--to', 'reg.example.com', '--username', 'node', '--password-stdin']],
  [/invalid rewrite "x"/, ['--to', 'reg.example.com', '--rewrite', 'x']],
]

test('mistakes are rejected with a hint and without output', async () => {
  for (const [message, args] of mistakes) {
    const { status, stdout, stderr } = await generate(['rancher/pause', ...args])
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, message)
    assert.match(stderr, /^hint: /m)
  }
  const none = await generate(['--to', 'reg.example.com'])
  assert.equal(none.status, 2)
  assert.match(none.stderr, /no images are selected/)
})

test('generate accepts short names', async () => {
  const { stdout } = await generate(['alpine', '--to', 'reg.example.com/p', '--output', 'json'])
  assert.deepEqual(firstPlaces((JSON.parse(stdout) as { text: string }).text, ['alpine']), ['reg.example.com/p/library/alpine'])
  assert.equal(formatReference(parseReference('alpine')), 'docker.io/library/alpine:latest')
})

const secret = 'canary-9f3k2-node'
const account = ['rancher/pause:1', '--to', 'reg.example.com', '--username', 'node']
const passwordOf = (text: string) => parseRegistries(text, 'nodes.yaml').registries.configs.get('reg.example.com')?.auth?.password

test('the password of --username comes from standard input, or else from the environment', async () => {
  const variable = { K3S_MIRROR_NODE_PASSWORD: 'of-the-environment' }
  for (const stdin of [secret, `${secret}\n`, `${secret}\r\n`]) {
    const { status, stdout, stderr } = await generate([...account, '--password-stdin'], { stdin, env: variable })
    assert.equal(status, 0, stderr)
    assert.equal(passwordOf(stdout), secret)
    assert.doesNotMatch(stderr, /canary|warning/)
  }
  const { stdout, stderr } = await generate(account, { env: { K3S_MIRROR_NODE_PASSWORD: secret } })
  assert.equal(passwordOf(stdout), secret)
  assert.doesNotMatch(stderr, /canary|warning/)
})

test('with --out the password is only in the file, which has the mode 0600', async () => {
  await using directory = await tempDir()
  for (const format of ['text', 'json']) {
    const out = `${directory.path}/${format}.yaml`
    const { status, stdout, stderr } = await generate([...account, '--password-stdin', '--out', out, '--output', format], { stdin: secret })
    assert.equal(status, 0, stderr)
    assert.doesNotMatch(stdout + stderr, /canary/)
    assert.equal(passwordOf(await readFile(out, 'utf8')), secret)
    assert.equal((await stat(out)).mode & 0o777, 0o600)
  }
})

test('without a password generate warns, and lint reports the placeholder', async () => {
  const { status, stdout, stderr } = await generate(account)
  assert.equal(status, 0)
  assert.match(stderr, /^warning: no password for "node": nodes get 401 until you replace PASSWORD, or pass --password-stdin$/m)
  const linted = await runCli(['registries', 'lint', '-'], { stdin: stdout })
  assert.equal(linted.status, 4)
  assert.match(linted.stdout, /^-:\d+:\d+ error auth-placeholder the password of "reg\.example\.com" is a placeholder: nodes get 401$/m)
})

test('a password that cannot be used is rejected or ignored, and never printed', async () => {
  const unused = await generate(['rancher/pause:1', '--to', 'reg.example.com'], { env: { K3S_MIRROR_NODE_PASSWORD: secret } })
  assert.equal(unused.status, 0)
  assert.match(unused.stderr, /^warning: K3S_MIRROR_NODE_PASSWORD is ignored: it requires --username$/m)
  assert.doesNotMatch(unused.stdout + unused.stderr, /canary/)
  for (const [stdin, message] of [
    [`${secret}\nsecond line`, /the password contains a control character/],
    [secret.repeat(2500), /larger than 32 KiB/],
  ] as const) {
    const { status, stdout, stderr } = await generate([...account, '--password-stdin'], { stdin })
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /canary/)
  }
})

test('an address that is the node itself is a warning', async () => {
  for (const [to, name] of [
    ['127.0.0.1:5000', '127.0.0.1'],
    ['localhost:5000', 'localhost'],
    ['http://[::1]:5000', '::1'],
    ['http://0.0.0.0:5000', '0.0.0.0'],
  ] as const) {
    const { status, stderr } = await generate(['rancher/pause:1', '--to', to])
    assert.equal(status, 0)
    assert.ok(stderr.includes(`warning: ${name} means the node itself: use an address that nodes can reach\n`), stderr)
  }
  const json = await generate(['rancher/pause:1', '--to', '127.0.0.1:5000', '--output', 'json'])
  assert.deepEqual((JSON.parse(json.stdout) as { warnings: unknown }).warnings, [
    '127.0.0.1 means the node itself: use an address that nodes can reach',
  ])
})
