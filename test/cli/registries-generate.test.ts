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

test('the file goes to standard output, and what is to be known to standard error', async () => {
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
  assert.match(stderr, /^note: --system-default-registry would not do instead: ghcr\.io\/fluxcd\//m)
  const quiet = await generate([...names, '--to', 'reg.example.com:5000/mirror', '--quiet'])
  assert.deepEqual([quiet.status, quiet.stderr], [0, ''])
})

test('the images of a release are named in the head, and the flag that would do instead on standard error', async () => {
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
  assert.match(stderr, /^note: for K3s' own images, and for no others, --system-default-registry reg\.example\.com\/m would do instead$/m)
})

test('a wildcard is refused for a release that is older', async () => {
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
  assert.match(stderr, /^error: --wildcard is not right here: K3s v1\.17\.4 .* \(USAGE\)\nhint: /m)
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
  })
  assert.match(notes.join('\n'), /--system-default-registry would not do instead/)
  assert.equal(text, (await generate([...names, 'quay.io/a/b', '--to', 'reg.example.com/p'])).stdout)
  const value = JSON.parse((await generate([...names, '--to', 'reg.example.com/p', '--output', 'json'])).stdout) as object
  assert.deepEqual('systemDefaultRegistry' in value && value.systemDefaultRegistry, 'reg.example.com/p')
})

test('--out writes a file that only its owner reads, and none over another without --force', async () => {
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

test('a file that cannot be written is said before a list is fetched', async () => {
  await using directory = await tempDir()
  await using server = await fileServer({})
  const list = ['--images', `${server.url}/list.txt`, '--to', 'reg.example.com']
  const nowhere = await generate([...list, '--out', `${directory.path}/no/registries.yaml`])
  assert.equal(nowhere.status, 1)
  assert.match(nowhere.stderr, /^error: cannot write registries\.yaml to .*: no such file or directory \(LOCAL_IO\)$/m)
  const folder = await generate([...list, '--out', directory.path, '--force'])
  assert.equal(folder.status, 2)
  assert.match(folder.stderr, /not a file/)
  const own = await directory.write('own.yaml', 'configs: {}\n')
  const twice = await generate([...list, '--registries', own, '--out', own, '--force'])
  assert.equal(twice.status, 2)
  assert.match(twice.stderr, /is named twice/)
  assert.deepEqual(server.requests, [])
})

test('what --registries knows of the destination is taken over, its credentials into a file alone', async () => {
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
  [/plain http/, ['--to', 'http://reg.example.com', '--ca-file', '/ca.crt']],
  [/belong together/, ['--to', 'reg.example.com', '--cert-file', '/c.crt']],
  [/is not a rewrite/, ['--to', 'reg.example.com', '--rewrite', 'x']],
]

test('mistakes are refused with a hint and nothing on standard output', async () => {
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

test('short names are read as everywhere', async () => {
  const { stdout } = await generate(['alpine', '--to', 'reg.example.com/p', '--output', 'json'])
  assert.deepEqual(firstPlaces((JSON.parse(stdout) as { text: string }).text, ['alpine']), ['reg.example.com/p/library/alpine'])
  assert.equal(formatReference(parseReference('alpine')), 'docker.io/library/alpine:latest')
})
