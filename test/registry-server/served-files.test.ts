import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServedBundle } from '../../src/bundle/served-bundle.ts'
import { packageCommand } from '../../src/kit/package-command.ts'
import { nodeCommands } from '../../src/registry-server/node-commands.ts'
import { createRegistryServer, type RegistryServerOptions } from '../../src/registry-server/registry-server.ts'
import { bundleFiles, flipBit, kitFile, packTar, placeOf } from '../bundle/bundle-files.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { callUrl, type Answer, type Call } from './start-registry.ts'

const tag = 'v1.37.1+k3s1'
const binary = Buffer.alloc(100_000, 'k3s binary ')
const files = {
  SHA256SUMS: 'sums\n',
  'install.sh': '#!/bin/sh\n',
  [`k3s/${tag}/k3s`]: binary,
  [`k3s/${tag}/sha256sum-amd64.txt`]: 'sum  k3s\n',
  'k3s/v1.38.0-rc1+k3s1/k3s': 'next',
  'k3s/v1.36.9+k3s2/k3s': 'before',
}

interface Site extends AsyncDisposable {
  readonly path: string
  call(method: string, path: string, call?: Call): Promise<Answer>
}

async function startSite(options: Partial<RegistryServerOptions> = {}, damage?: (path: string) => Promise<void>): Promise<Site> {
  const packed = await packTar(bundleFiles({ 'docker.io/rancher/a:1': tinyImage() }, { files }))
  await damage?.(packed.path)
  const bundle = await ServedBundle.open(packed.path)
  const served = { list: () => Promise.resolve(bundle.files ?? []), read: bundle.readFile.bind(bundle), ...options.files }
  const server = createRegistryServer({ layout: bundle, ...options, files: served })
  const { url } = await server.listen('127.0.0.1', 0)
  return {
    path: packed.path,
    call: (method, path, call) => callUrl(url, method, path, call),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await bundle[Symbol.asyncDispose]()
      await packed[Symbol.asyncDispose]()
    },
  }
}

test('serves a file whole, in ranges and by its ETag, with + and %2B in the path', async () => {
  await using site = await startSite()
  const { digest } = kitFile('x', binary)
  for (const path of [`/k3s/${tag}/k3s`, '/k3s/v1.37.1%2Bk3s1/k3s', '/k3s/v1.37.1%2bk3s1/k3s?x=1']) {
    const { status, headers, body } = await site.call('GET', path)
    assert.deepEqual(
      [status, headers['content-length'], headers['content-type'], headers.etag],
      [200, '100000', 'application/octet-stream', `"${digest}"`],
    )
    assert.ok(body.equals(binary))
  }
  const head = await site.call('HEAD', `/k3s/${tag}/k3s`)
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '100000', 0])
  const range = await site.call('GET', `/k3s/${tag}/k3s`, { headers: { range: 'bytes=10-19' } })
  assert.deepEqual(
    [range.status, range.headers['content-range'], range.body.toString()],
    [206, 'bytes 10-19/100000', binary.subarray(10, 20).toString()],
  )
  assert.equal((await site.call('GET', `/k3s/${tag}/k3s`, { headers: { range: 'bytes=100000-' } })).status, 416)
  assert.equal((await site.call('GET', `/k3s/${tag}/k3s`, { headers: { 'if-none-match': `"${digest}"` } })).status, 304)
  assert.equal((await site.call('GET', '/install.sh')).headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal((await site.call('GET', `/k3s/${tag}/`)).body.toString(), 'k3s\nsha256sum-amd64.txt\n')
})

test('leads from a channel to the newest release in the way that the installer and the system-upgrade-controller read', async () => {
  await using site = await startSite()
  const location = async (name: string): Promise<unknown> => {
    const { status, headers } = await site.call('GET', `/channels/${name}`)
    return status === 302 ? headers.location : status
  }
  for (const name of ['stable', 'latest', 'v1.37']) assert.equal(await location(name), `/k3s/${tag}`)
  assert.equal(await location('testing'), '/k3s/v1.38.0-rc1+k3s1')
  assert.equal(await location('v1.36'), '/k3s/v1.36.9+k3s2')
  assert.equal(await location('v1.38'), 404)
  assert.equal((await site.call('GET', `/k3s/${tag}`)).status, 200, 'the installer follows the redirect')
})

test('has nothing outside of its files, and accepts no upload', async () => {
  await using site = await startSite()
  for (const path of [
    '/k3s-mirror.json',
    '/blobs',
    '/index.json',
    '/../etc/passwd',
    '/k3s/..%2f..%2fetc/passwd',
    '/k3s/%00',
    '/%zz',
    '/ca.crt',
    '/k3s//k3s',
  ])
    assert.ok([400, 404].includes((await site.call('GET', path)).status), path)
  for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
    const { status, headers } = await site.call(method, '/install.sh', { body: 'x' })
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'])
  }
  assert.equal((await site.call('PUT', '/k3s/new', { body: 'x' })).status, 404)
})

test('never sends all of a damaged file, nor a range of it', async () => {
  await using site = await startSite({}, async (path) => flipBit(path, await placeOf(path, binary.subarray(50, 200))))
  const { status, body } = await site.call('GET', `/k3s/${tag}/k3s`)
  assert.deepEqual([status, body.includes('damaged')], [500, true])
  assert.equal((await site.call('GET', `/k3s/${tag}/k3s`, { headers: { range: 'bytes=0-9' } })).status, 500)
  assert.equal((await site.call('GET', '/install.sh')).status, 200)
})

test('with passwords, files, channels and registries.yaml are open unless they are protected', async () => {
  const page = { nodeRegistries: () => 'mirrors: {}\n', storedAt: async () => undefined, changedAt: async () => undefined }
  const authenticator = { login: async () => 'refused' as const }
  const paths = ['/install.sh', `/k3s/${tag}/k3s`, '/channels/stable', '/registries.yaml', '/healthz', '/v2/', '/', '/metrics', '/ca.crt']
  const statuses = async (protectFiles: boolean): Promise<readonly number[]> => {
    await using site = await startSite({ page, authenticator, protectFiles, caCertificate: 'CA\n' })
    return await Promise.all(paths.map(async (path) => (await site.call('GET', path)).status))
  }
  assert.deepEqual(await statuses(false), [200, 200, 302, 200, 200, 401, 401, 401, 200])
  assert.deepEqual(await statuses(true), [401, 401, 401, 401, 200, 401, 401, 401, 200])
})

test('where files require a password, the commands log in, and the installer downloads nothing', () => {
  const origin = new URL('https://kits.example.com')
  const files = ['install.sh', `k3s/${tag}/k3s`, `k3s/${tag}/sha256sum-amd64.txt`].map((path) => kitFile(path, path))
  const commands = nodeCommands({ origin, files, caCertificate: 'CA', hasPasswords: true, protectFiles: true })
  const lines = commands.flatMap((command) => command.lines).filter((line) => line.startsWith('curl'))
  assert.ok(lines.includes(`curl -sfL --user NAME ${origin.origin}/install.sh | INSTALL_K3S_SKIP_DOWNLOAD=true sh -`), lines.join('\n'))
  assert.ok(
    lines.includes(`curl -sfL --user NAME ${origin.origin}/k3s/v1.37.1%2Bk3s1/k3s -o /usr/local/bin/k3s && chmod 755 /usr/local/bin/k3s`),
  )
  assert.deepEqual(
    lines.filter((line) => !line.includes('--user NAME')),
    [`curl -skf ${origin.origin}/ca.crt -o /etc/rancher/k3s/registry-ca.crt`],
    'no password goes to a server that is not trusted yet',
  )
})

test('each package for SELinux is installed by the tool of its system', () => {
  assert.deepEqual(
    ['el9', 'sle', 'coreos'].map((system) => packageCommand(`x.${system}.noarch.rpm`)),
    ['dnf install -y ./x.el9.noarch.rpm', 'zypper install ./x.sle.noarch.rpm', 'rpm-ostree install ./x.coreos.noarch.rpm'],
  )
})

test('a file never takes the place of the API', async () => {
  const list = async () => ['v2/rancher/a/tags/list', 'healthz', 'metrics'].map((path) => kitFile(path, 'planted'))
  await using site = await startSite({ files: { list, read: async () => undefined } })
  assert.deepEqual((await site.call('GET', '/v2/rancher/a/tags/list')).json(), { name: 'rancher/a', tags: ['1'] })
  assert.equal((await site.call('GET', '/healthz')).body.toString(), 'ok\n')
})

test('commands on the page name the given address, and otherwise the Host only where it is a valid one', async () => {
  const host = 'evil.example"><script>'
  const accept = { accept: 'text/html', host }
  await using open = await startSite()
  const { body } = await open.call('GET', '/', { headers: accept })
  assert.ok(!body.includes('evil.example'))
  assert.match(body.toString(), /curl -sfL http:\/\/127\.0\.0\.1:\d+\/install\.sh \| INSTALL_K3S_ARTIFACT_URL=/)
  await using named = await startSite({ origin: new URL('https://kits.example.com') })
  const text = (await named.call('GET', '/', { headers: { host: 'other.example.com' } })).body.toString()
  const site = 'https://kits.example.com'
  assert.ok(
    text.includes(
      `\ncurl -sfL ${site}/install.sh | INSTALL_K3S_ARTIFACT_URL=${site}/k3s INSTALL_K3S_VERSION=${tag} INSTALL_K3S_SKIP_SELINUX_RPM=true sh -\n`,
    ),
    text,
  )
  assert.ok(!text.includes('other.example.com'))
})
