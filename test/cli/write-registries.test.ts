import assert from 'node:assert/strict'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseReference } from '../../src/oci/reference.ts'
import { parseRegistries } from '../../src/registries-yaml/read/parse-registries.ts'
import { createResolver } from '../../src/registries-yaml/resolve/resolve-reference.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { faultProxy, type FaultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import type { ImageShape } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { canary, securedDestination } from './secured-destination.ts'

const shape = (repository: string): ImageShape => ({ repository, tag: '1', kind: 'oci', layers: [{ megabytes: 0.01 }] })

interface Places extends AsyncDisposable {
  readonly to: TestRegistry
  readonly destination: FaultProxy
  readonly release: SeededRelease
  readonly directory: TempDir
  /** The file of `--write-registries`. */
  readonly file: string
  mirror(...options: readonly string[]): Promise<CliResult>
}

/** A registry with three images of Docker Hub, and an empty one. */
async function places(): Promise<Places> {
  const release = makeRelease({ images: [shape('rancher/klipper-lb'), shape('rancher/mirrored-pause'), shape('rancher/x.y/z')] })
  const [from, to, directory] = await Promise.all([startRegistry(), startRegistry(), tempDir()])
  await pushRelease(from.url, release)
  const destination = await faultProxy(to.url)
  const file = `${directory.path}/registries.yaml`
  const images = release.images.map(({ reference }) => reference)
  const common = ['--from', `docker.io=${from.url}`, '--write-registries', file]
  const toDefault = ['--to', `${destination.url}/team/k3s`]
  return {
    to,
    destination,
    release,
    directory,
    file,
    mirror: (...options) => runCli(['mirror', ...images, ...common, ...(options.includes('--to') ? [] : toDefault), ...options]),
    async [Symbol.asyncDispose]() {
      await Promise.all([from, to, destination, directory].map((it) => it[Symbol.asyncDispose]()))
    },
  }
}

/** Asks for every image as a node with this file would, at its first endpoint; gives what was answered. */
async function digestsForNodes(text: string, { images }: SeededRelease): Promise<readonly unknown[]> {
  const resolver = createResolver(parseRegistries(text, 'registries.yaml').registries)
  return Promise.all(
    images.map(async ({ reference }) => {
      const [first] = resolver.resolve(parseReference(reference)).endpoints
      assert.ok(first)
      const { headers } = await plainRequest(first.requestUrl, { method: 'HEAD' })
      return headers['docker-content-digest']
    }),
  )
}

test('after the run nodes with the file find every image, however it was named', async () => {
  await using at = await places()
  const { host } = at.destination
  for (const options of [[], ['--flatten'], ['--rewrite', '^rancher/mirrored-=k3s/', '--rewrite', '[.]y/=-']]) {
    const { status, stdout, stderr } = await at.mirror(...options)
    assert.equal(status, 0, stderr)
    const text = await readFile(at.file, 'utf8')
    assert.deepEqual(
      await digestsForNodes(text, at.release),
      at.release.images.map(({ index }) => index.digest),
    )
    const [line] = /^nodes: .*$/m.exec(stdout) ?? []
    assert.equal(line, `nodes: copy ${at.file} to /etc/rancher/k3s/registries.yaml`)
    // What generate prints for the same options is the same file.
    const images = at.release.images.map(({ reference }) => reference)
    const generated = await runCli(['registries', 'generate', ...images, '--to', `${at.destination.url}/team/k3s`, ...options])
    assert.equal(generated.stdout, text, generated.stderr)
  }
  assert.equal((await stat(at.file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(at.directory.path), ['registries.yaml'])
  // Without the image that K3s does not pull for itself, its flag is enough.
  const { stdout } = await at.mirror('--exclude', '**/x.y/*')
  assert.match(stdout, new RegExp(`, or run K3s with --system-default-registry ${host}/team/k3s$`, 'm'))
})

test('bundle push writes the same file as mirror, and replaces no file of others', async () => {
  await using at = await places()
  const bundle = `${at.directory.path}/k3s.tar`
  const references = at.release.images.map(({ reference }) => reference)
  const mirrored = await at.mirror('--quiet')
  assert.equal(mirrored.status, 0, mirrored.stderr)
  const created = await runCli(['bundle', 'create', bundle, ...references, '--from', `docker.io=${at.destination.url}/team/k3s`])
  assert.equal(created.status, 0, created.stderr)
  const push = (file: string): Promise<CliResult> =>
    runCli(['bundle', 'push', bundle, '--to', `${at.destination.url}/team/k3s`, '--write-registries', file])
  const own = join(at.directory.path, 'pushed.yaml')
  const { status, stdout, stderr } = await push(own)
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^nodes: copy .*pushed\.yaml to \/etc\/rancher\/k3s\/registries\.yaml/m)
  assert.equal(await readFile(own, 'utf8'), await readFile(at.file, 'utf8'))
  const foreign = await at.directory.write('foreign.yaml', 'mirrors: {}\n')
  for (const file of [foreign, bundle]) assert.equal((await push(file)).status, 2)
  assert.equal(await readFile(foreign, 'utf8'), 'mirrors: {}\n')
})

test('leaves the report as it is, and prints nothing with --quiet', async () => {
  await using at = await places()
  const json = await at.mirror('--output', 'json')
  assert.equal(json.status, 0, json.stderr)
  assert.deepEqual(Object.keys(JSON.parse(json.stdout) as MirrorReport), [
    'schemaVersion',
    'tool',
    'startedAt',
    'finishedAt',
    'command',
    'destination',
    'images',
    'totals',
    'lists',
    'warnings',
  ])
  assert.match(json.stderr, /^nodes: /m)
  const quiet = await at.mirror('--quiet')
  assert.deepEqual([quiet.status, quiet.stdout, quiet.stderr], [0, '', ''])
})

test('the file covers all images where some fail, and a note reports it', async () => {
  await using at = await places()
  const { status, stdout, stderr } = await at.mirror('rancher/missing:1', '--retries', '0')
  assert.match(stderr, /^warning: 127\.0\.0\.1 means the node itself: use an address that nodes can reach$/m)
  assert.equal(status, 1)
  assert.match(stdout, /^nodes: /m)
  assert.match(stderr, /^note: .* covers all 4 images, but nodes cannot pull the 1 that failed$/m)
  assert.match(await readFile(at.file, 'utf8'), /^# for 4 images at /m)
})

test('when all images fail, or nothing is moved, there is no file', async () => {
  await using at = await places()
  for (const events of ['-', join(at.directory.path, 'events')]) {
    const dry = await at.mirror('--dry-run', '--events', events)
    assert.equal(dry.status, 0, dry.stderr)
    for (const flag of ['--events', '--write-registries'])
      assert.match(dry.stderr, new RegExp(`^warning: ${flag} is ignored: --dry-run copies nothing and writes only --report$`, 'm'))
  }
  const failed = await at.mirror('--from', 'docker.io=http://127.0.0.1:1', '--retries', '0')
  assert.equal(failed.status, 6)
  assert.doesNotMatch(failed.stdout, /^nodes: /m)
  assert.match(failed.stderr, /registries\.yaml is not written: no image is at the destination$/m)
  assert.deepEqual(await readdir(at.directory.path), [])
})

test('what cannot be written is refused before anything moves', async () => {
  await using at = await places()
  const foreign = await at.directory.write('foreign.yaml', 'mirrors: {}\n')
  const own = await at.directory.write('own.yaml', 'configs: {}\n')
  const cases: readonly (readonly [RegExp, ...options: readonly string[]])[] = [
    [/it already exists, and k3s-mirror did not generate it \(USAGE\)/, '--write-registries', foreign],
    [/is named twice/, '--registries', own, '--write-registries', own],
    [/is named twice/, '--report', at.file],
    [/it is an OCI layout, not a registry/, '--to', `oci:${at.directory.path}/layout`],
    [/no such file or directory/, '--write-registries', `${at.directory.path}/no/registries.yaml`],
  ]
  for (const [message, ...options] of cases) {
    const { status, stdout, stderr } = await at.mirror(...options)
    assert.equal(status, 2, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, message)
  }
  const layout = await runCli(['mirror', 'rancher/x:1', '--to', `oci:${at.directory.path}/layout`, '--write-registries', at.file])
  assert.deepEqual([layout.status, /an OCI layout/.test(layout.stderr)], [2, true], layout.stderr)
  assert.equal(await readFile(foreign, 'utf8'), 'mirrors: {}\n')
  assert.deepEqual(at.destination.requests, [])
})

test('credentials are not written for a destination that speaks plain http', async () => {
  await using at = await places()
  const { host } = at.destination
  const password = 's3cret-word'
  const yaml = `configs:\n  "${host}":\n    auth:\n      username: bob\n      password: ${password}\n`
  const registries = await at.directory.write('own.yaml', yaml)
  const { status, stdout, stderr } = await at.mirror('--registries', registries)
  assert.equal(status, 0, stderr)
  // By http they would be for everyone to read.
  assert.doesNotMatch(`${stdout}${stderr}${await readFile(at.file, 'utf8')}`, /s3cret/)
  assert.match(stderr, /^note: the credentials in --registries are left out/m)
})

test('credentials and TLS that the run used go only into the file', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using secured = await securedDestination()
  const { destination, caFile, directory, release } = secured
  const out = `${directory.path}/nodes.yaml`
  const auth = { username: 'robot', password: canary }
  const known = await secured.registries({ auth, tls: { ca_file: caFile } })
  // Fails when any output but this file holds the password.
  const { status, stderr } = await secured.mirror({ options: [...known, '--write-registries', out] })
  assert.equal(status, 0, stderr)
  assert.equal((await stat(out)).mode & 0o777, 0o600)
  const { registries } = parseRegistries(await readFile(out, 'utf8'), out)
  const config = registries.configs.get(destination.host)
  assert.deepEqual([config?.auth?.username, config?.auth?.password, config?.tls?.caFile], ['robot', canary, caFile])
  assert.match(stderr, /^note: the file contains the credentials in --registries/m)
  // The file serves the program itself: everything is there already.
  const again = await secured.mirror({ options: ['--registries', out] })
  assert.equal(again.status, 0, again.stderr)
  assert.match(again.stdout, new RegExp(`all ${release.images.length} images are up to date`))
})
