import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { busyboxLine, makeBusyboxRelease } from './busybox-image.ts'
import { certificateAuthority } from './certificates.ts'
import { processesWith } from './containerd-remains.ts'
import { dumpContainerdConfig, startContainerd, type Containerd } from './containerd.ts'
import { startDockerRegistry, type DockerRegistry, type DockerRegistryOptions } from './docker-registry.ts'
import type { RegistryRequest } from './registry-requests.ts'
import { requireServer } from './require-server.ts'
import { pushRelease } from './seed-release.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

const name = 'docker.io/rancher/mirrored-library-busybox:1.37.0'
const path = 'rancher/mirrored-library-busybox'
const password = 'canary-4711'
const criPlugin = 'plugins."io.containerd.grpc.v1.cri"'

/** A registry that has the image, and what it was asked since. */
interface Filled extends AsyncDisposable {
  readonly registry: DockerRegistry
  asked(): Promise<readonly RegistryRequest[]>
}

async function filledRegistry(options: DockerRegistryOptions = {}, prefix?: string): Promise<Filled> {
  const release = await makeBusyboxRelease([name])
  const rootDirectory = await tempDir()
  {
    // filled without its locks
    await using open = await startDockerRegistry({ rootDirectory: rootDirectory.path })
    await pushRelease(open.url, release, prefix === undefined ? {} : { prefix })
  }
  const registry = await startDockerRegistry({ ...options, rootDirectory: rootDirectory.path, logRequests: true })
  const before = (await registry.requests()).length
  return {
    registry,
    asked: async () => (await registry.requests()).slice(before),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await rootDirectory[Symbol.asyncDispose]()
    },
  }
}

async function writeHosts(directory: TempDir, host: string, text: string): Promise<string> {
  const hostsDir = `${directory.path}/certs.d`
  await mkdir(`${hostsDir}/${host}`, { recursive: true })
  await directory.write(`certs.d/${host}/hosts.toml`, text)
  return hostsDir
}

/** What containerd asks a registry for, in its order; the two blobs come in any. */
async function expectedPull(root: string, query: string): Promise<readonly string[]> {
  const [image] = (await makeBusyboxRelease([name])).images
  const child = image?.manifests.at(-1)
  assert.ok(image && child)
  const blobs = [child.config, ...child.layers].map(({ digest }) => `GET ${root}/blobs/${digest}${query}`)
  const manifests = [`HEAD ${root}/manifests/${image.tag}`, ...[image.index, child].map(({ digest }) => `GET ${root}/manifests/${digest}`)]
  return [...manifests.map((line) => `${line}${query}`), ...blobs.toSorted()]
}

function inOrder(lines: readonly string[]): readonly string[] {
  return [...lines.filter((line) => !line.includes('/blobs/')), ...lines.filter((line) => line.includes('/blobs/')).toSorted()]
}

const targets = (requests: readonly RegistryRequest[]): readonly string[] =>
  inOrder(requests.map(({ method, target }) => `${method} ${target}`))

test('an image is pulled over plain HTTP by ctr and by the CRI plugin, and prints its line', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  await using filled = await filledRegistry()
  await using directory = await tempDir()
  const hosts = ['http://127.0.0.1:1', filled.registry.url].map((url) => `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`)
  const hostsDir = await writeHosts(directory, 'docker.io', hosts.join(''))
  let containerd: Containerd
  {
    await using running = await startContainerd({ hostsDir })
    containerd = running
    const expected = await expectedPull(`/v2/${path}`, '?ns=docker.io')
    const byCtr = await running.ctrPull(name, { hostsDir })
    assert.deepEqual(targets(await filled.asked()), expected)
    const [first, second] = byCtr.attempts
    assert.deepEqual(first, { method: 'HEAD', url: `http://127.0.0.1:1/v2/${path}/manifests/1.37.0?ns=docker.io`, status: undefined })
    assert.deepEqual(second, { method: 'HEAD', url: `${filled.registry.url}/v2/${path}/manifests/1.37.0?ns=docker.io`, status: 200 })
    assert.equal(await running.run(byCtr, ['/bin/echo', 'hello', 'ctr']), 'hello ctr\n')
    await assert.rejects(running.run(byCtr, ['/bin/sh', '-c', 'exit 3']), /ended with 3/)

    await running.removeImage(byCtr)
    const byCri = await running.criPull('rancher/mirrored-library-busybox:1.37.0')
    assert.deepEqual(targets((await filled.asked()).slice(expected.length)), expected, 'everything is asked for again')
    assert.equal(byCri.name, name)
    assert.equal(await running.run(byCri, []), `${busyboxLine}\n`)
    assert.equal(running.attempts().filter(({ status }) => status === 200).length, expected.length)
    assert.deepEqual((await running.criImageStatus(name))?.repoTags, [name])
    await running.removeImage(byCri)
    assert.equal(await running.criImageStatus(name), undefined)
    assert.deepEqual(running.asked, [])
  }
  assert.equal(existsSync(dirname(containerd.socket)), false)
})

test('config.toml version 2 gives the password, hosts.toml the authority', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using filled = await filledRegistry({ tls: await authority.server(), htpasswd: { robot: password } })
  const { url, host } = filled.registry
  await using directory = await tempDir()
  const ca = await directory.write('ca.pem', authority.certificate)
  const hostsDir = await writeHosts(directory, 'docker.io', `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n  ca = "${ca}"\n`)
  const config = (secret: string): string => `
    [${criPlugin}.registry]
      config_path = "/var/lib/rancher/k3s/agent/etc/containerd/certs.d"
    [${criPlugin}.registry.configs."${host}".auth]
      username = "robot"
      password = "${secret}"
    # out of use, and the one place from which containerd would show a password in its log
    [${criPlugin}.registry.auths."https://other.example.com"]
      password = "${secret}"
  `
  {
    await using containerd = await startContainerd({ config: config(password), hostsDir })
    const image = await containerd.criPull(name)
    assert.equal(await containerd.run(image, []), `${busyboxLine}\n`)
    const asked = await filled.asked()
    const answered = asked.filter(({ status }) => status === 200)
    assert.deepEqual(targets(answered), await expectedPull(`/v2/${path}`, '?ns=docker.io'))
    assert.ok(answered.every(({ user }) => user === 'robot'))
    assert.ok(
      asked.some(({ status, user }) => status === 401 && user === undefined),
      'it asks without the password first',
    )
    assert.ok(!containerd.log().join('\n').includes(password))
  }
  const before = (await filled.asked()).length
  await using containerd = await startContainerd({ config: config('wrong'), hostsDir })
  await assert.rejects(containerd.criPull(name), /401 Unauthorized/)
  const refused = (await filled.asked()).slice(before)
  assert.ok(refused.every(({ status }) => status === 401) && refused.some(({ user }) => user === 'robot'))
  assert.deepEqual(containerd.asked, ['registry-1.docker.io:443'], 'then it tries upstream')
})

test('config.toml version 1 gives endpoints, password and authority', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using filled = await filledRegistry({ tls: await authority.server(), htpasswd: { robot: password } })
  const { url, host } = filled.registry
  await using directory = await tempDir()
  const config = `
    [plugins.opt]
      path = "/var/lib/rancher/k3s/agent/containerd"
    [plugins.cri]
      stream_server_address = "127.0.0.1"
      stream_server_port = "10010"
    [plugins.cri.registry.mirrors."docker.io"]
      endpoint = ["${url}"]
    [plugins.cri.registry.configs."${host}".auth]
      username = "robot"
      password = "${password}"
    [plugins.cri.registry.configs."${host}".tls]
      ca_file = "${await directory.write('ca.pem', authority.certificate)}"
  `
  await using containerd = await startContainerd({ config })
  assert.equal(await containerd.run(await containerd.criPull(name), []), `${busyboxLine}\n`)
  const answered = (await filled.asked()).filter(({ status }) => status === 200)
  assert.deepEqual(targets(answered), await expectedPull(`/v2/${path}`, '?ns=docker.io'))
  const { streamServerAddress, registry } = await containerd.criConfig()
  assert.equal(streamServerAddress, '127.0.0.1')
  assert.deepEqual((registry as { mirrors: unknown }).mirrors, { 'docker.io': { endpoint: [url] } })
})

test('a client certificate and a path stand in hosts.toml', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using filled = await filledRegistry({ tls: { ...(await authority.server()), clientCa: authority.certificate } }, 'project')
  await using directory = await tempDir()
  const client = await authority.client()
  const files = {
    ca: await directory.write('ca.pem', authority.certificate),
    certificate: await directory.write('client.pem', client.certificate),
    key: await directory.write('client-key.pem', client.key),
  }
  const endpoint = `${filled.registry.url}/v2/project`
  const trusted = `[host."${endpoint}"]\n  capabilities = ["pull", "resolve"]\n  override_path = true\n  ca = "${files.ca}"\n`
  const hostsDir = await writeHosts(directory, 'docker.io', `${trusted}  client = [["${files.certificate}", "${files.key}"]]\n`)
  await using containerd = await startContainerd({ hostsDir })
  const image = await containerd.criPull(name)
  assert.equal(await containerd.run(image, []), `${busyboxLine}\n`)
  assert.deepEqual(targets(await filled.asked()), await expectedPull(`/v2/project/${path}`, '?ns=docker.io'))
  await containerd.removeImage(image)
  await writeHosts(directory, 'docker.io', trusted)
  await assert.rejects(containerd.criPull(name), /certificate/)
})

test('resolves outside names only to the hosts of the test', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using secure = await filledRegistry({ tls: await authority.server({ names: ['registry-1.docker.io'] }) })
  await using plain = await filledRegistry()
  await using directory = await tempDir()
  const hostsDir = await writeHosts(directory, 'quay.io', '[host."http://mirror.example.com:5000"]\n')
  await using containerd = await startContainerd({
    hostsDir,
    names: { 'registry-1.docker.io:443': secure.registry.host, 'mirror.example.com:5000': plain.registry.host },
    systemCa: authority.certificate,
  })
  await containerd.criPull(name)
  assert.deepEqual(targets(await secure.asked()), await expectedPull(`/v2/${path}`, ''), 'a registry does not get its own name')
  await containerd.criPull(`quay.io/${path}:1.37.0`)
  assert.equal((await plain.asked())[0]?.target, `/v2/${path}/manifests/1.37.0?ns=quay.io`)
  await assert.rejects(containerd.criPull('gcr.io/none/none:1'), /Bad Gateway/)
  const outside = ['gcr.io:443', 'mirror.example.com:5000', 'registry-1.docker.io:443']
  assert.deepEqual([...new Set(containerd.asked)].toSorted(), outside)
})

test('quotes the message of containerd where it fails to load', async (t) => {
  if (!requireServer(t, 'containerd')) return
  const registry = `version = 2\n[${criPlugin}.registry]\n  config_path = "/etc/certs.d"\n`
  const mirrors = `${registry}[${criPlugin}.registry.mirrors."docker.io"]\n  endpoint = []\n`
  await assert.rejects(startContainerd({ config: mirrors }), /`mirrors` cannot be set when `config_path` is provided/)
  const tls = `${registry}[${criPlugin}.registry.configs."localhost:1".tls]\n  ca_file = "x"\n`
  await assert.rejects(startContainerd({ config: tls }), /`configs.tls` cannot be set when `config_path` is provided/)
  await assert.rejects(startContainerd({ config: 'x = [' }), /failed to load TOML/)
  await assert.rejects(startContainerd({ config: registry.replace('"/etc/certs.d"', '1') }), /Can't convert/)
  await assert.rejects(startContainerd({ config: registry.replace('version = 2', 'version = 3') }), /version 3 is not for this containerd/)
  assert.match(await dumpContainerdConfig(registry), /config_path = "\/etc\/certs.d"/)
  // why a single section gets a version
  assert.doesNotMatch(await dumpContainerdConfig(registry.replace('version = 2\n', '')), /certs\.d/)
})

test('a containerd that was killed leaves no shim and no container behind', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry')) return
  await using filled = await filledRegistry()
  const duration = String(100_000 + process.pid)
  let socket: string
  {
    await using containerd = await startContainerd()
    socket = containerd.socket
    const image = await containerd.criPull(`${filled.registry.host}/${path}:1.37.0`)
    const ended = assert.rejects(containerd.run(image, ['/bin/busybox', 'sleep', duration]))
    while (!(await processesWith(duration)).some((line) => line.startsWith('/bin/busybox'))) await sleep(10)
    process.kill(containerd.pid, 'SIGKILL')
    await ended
    assert.ok((await processesWith(socket)).length > 0, 'the shim lives on')
  }
  assert.deepEqual(await processesWith(socket), [])
  assert.deepEqual(await processesWith(duration), [])
  assert.equal(existsSync(dirname(socket)), false)
})
