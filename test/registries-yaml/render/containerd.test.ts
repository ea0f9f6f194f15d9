import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import { buildHostTable } from '../../../src/registries-yaml/hosts/host-table.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { Registries, RegistryTls } from '../../../src/registries-yaml/registries.ts'
import { renderContainerd, type ContainerdRenderOptions } from '../../../src/registries-yaml/render/containerd.ts'
import type { RenderedConfig } from '../../../src/registries-yaml/render/rendered.ts'
import { dumpContainerdConfig, startContainerd } from '../../servers/containerd.ts'
import { requireServer } from '../../servers/require-server.ts'
import { tempDir, type TempDir } from '../../servers/temp-dir.ts'
import { anyRegistries } from './registries.ts'

function render(text: string, options: Partial<ContainerdRenderOptions> = {}): RenderedConfig {
  const { registries, problems } = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(problems, [])
  return renderContainerd(registries, { version: 3, ...options })
}

interface Endpoint {
  readonly override_path?: boolean
  readonly ca?: readonly string[]
  readonly client?: readonly (string | readonly string[])[]
  readonly skip_verify?: boolean
}

interface HostsFile extends Endpoint {
  readonly server?: string
  readonly host: Readonly<Record<string, Endpoint>>
}

/** The hosts.toml of a registry. */
function hostsOf(rendered: RenderedConfig, key: string): HostsFile {
  return JSON.parse(JSON.stringify(parse(rendered.files.get(`certs.d/${key}/hosts.toml`) ?? ''))) as HostsFile
}

function endpointsOf(rendered: RenderedConfig, key: string): readonly string[] {
  return Object.keys(hostsOf(rendered, key).host)
}

type Config = Readonly<Record<'version' | 'plugins', Readonly<Record<string, Record<string, unknown>>>>>

function configOf(rendered: RenderedConfig): Config {
  return JSON.parse(JSON.stringify(parse(rendered.files.get('config.toml') ?? ''))) as Config
}

const noDefault = { flags: { disableDefaultEndpoint: true } }

test('mirrors come before the registry itself, which is the server', () => {
  const rendered = render('mirrors: {docker.io: {endpoint: [a.example.com, "http://b.example.com/x"]}}')
  assert.deepEqual(hostsOf(rendered, 'docker.io'), {
    server: 'https://registry-1.docker.io/v2',
    capabilities: ['pull', 'resolve', 'push'],
    host: {
      'https://a.example.com/v2': { capabilities: ['pull', 'resolve'] },
      'http://b.example.com/x': { capabilities: ['pull', 'resolve'], override_path: true },
    },
  })
  assert.deepEqual(rendered.notes, [])
})

test('the wildcard is _default, without a server', () => {
  const rendered = render('mirrors: {"*": {endpoint: [a.example.com]}}')
  assert.equal(hostsOf(rendered, '_default').server, undefined)
  assert.deepEqual(endpointsOf(rendered, '_default'), ['https://a.example.com/v2'])
})

test('without the default endpoint the last mirror becomes the server, with a note', () => {
  const text = `mirrors: {docker.io: {endpoint: [a.example.com, b.example.com/x]}, "*": {endpoint: [a.example.com]}}
configs: {b.example.com: {tls: {ca_file: /ca, cert_file: /c, key_file: /k, insecure_skip_verify: true}}}`
  const rendered = render(text, noDefault)
  assert.deepEqual(hostsOf(rendered, 'docker.io'), {
    server: 'https://b.example.com/x',
    capabilities: ['pull', 'resolve'],
    override_path: true,
    ca: ['/ca'],
    client: [['/c', '/k']],
    skip_verify: true,
    host: { 'https://a.example.com/v2': { capabilities: ['pull', 'resolve'] } },
  })
  assert.deepEqual(hostsOf(rendered, '_default'), { server: 'https://a.example.com/v2', capabilities: ['pull', 'resolve'], host: {} })
  assert.deepEqual(
    rendered.notes.map((note) => note.replace(/ becomes .*/, '')),
    ['docker.io', '*'].map((name) => `mirrors."${name}": the last endpoint`),
  )
})

test('settings of the wildcard without a mirror apply to the registry that the image names', () => {
  const tls = 'configs: {"*": {tls: {ca_file: /ca}}}\n'
  assert.deepEqual(hostsOf(render(tls), '_default'), { ca: ['/ca'], host: {} })
  const both = render(`${tls}mirrors: {_default: {endpoint: [a.example.com]}}`)
  assert.equal(hostsOf(both, '_default').server, 'https://a.example.com/v2')
})

test('a prefix for every name becomes the path of the endpoint', () => {
  const rewrite = (pattern: string, replacement: string): string => `rewrite: {'${pattern}': '${replacement}'}`
  const text = `mirrors:
  docker.io: {endpoint: [a.example.com, "https://b.example.com/proxy/", "https://u:p@c.example.com/v2?x=y"], ${rewrite('^(.*)$', 'proj/$1')}}
  quay.io: {endpoint: [a.example.com, "https://a.example.com/v2/"], ${rewrite('^', 'a/b/')}}
  ghcr.io: {endpoint: [a.example.com], ${rewrite('(.*)', '$1')}}
`
  const rendered = render(text)
  assert.deepEqual(endpointsOf(rendered, 'docker.io'), [
    'https://a.example.com/v2/proj',
    'https://b.example.com/proxy/proj',
    'https://u:p@c.example.com/v2/proj?x=y',
  ])
  assert.ok(Object.values(hostsOf(rendered, 'docker.io').host).every(({ override_path }) => override_path === true))
  assert.deepEqual(endpointsOf(rendered, 'quay.io'), ['https://a.example.com/v2/a/b'])
  assert.deepEqual(hostsOf(rendered, 'ghcr.io').host, { 'https://a.example.com/v2': { capabilities: ['pull', 'resolve'] } })
  assert.deepEqual(rendered.notes, [])
})

test('a note names any other rewrite and its mirror', () => {
  const text = `mirrors:
  docker.io: {endpoint: [a.example.com], rewrite: {"^rancher/(.*)": "proj/rancher/$1"}}
  quay.io: {endpoint: [a.example.com], rewrite: {"^a/(.*)": "b/$1", "^": "c/"}}
  ghcr.io: {endpoint: [a.example.com], rewrite: {"(?=x)": "y", "^": "c/"}}
  none.example.com: {rewrite: {"^a": "b"}}
`
  const rendered = render(text)
  assert.equal(rendered.notes.length, 3)
  assert.match(rendered.notes[0] ?? '', /^mirrors\."docker\.io": the rewrite "\^rancher\/\(\.\*\)" cannot be converted/)
  assert.match(rendered.notes[1] ?? '', /^mirrors\."quay\.io": the rewrites "\^a\/\(\.\*\)", "\^" cannot be converted/)
  assert.match(rendered.notes[2] ?? '', /^mirrors\."ghcr\.io": the rewrite "\(\?=x\)" is left out/)
  assert.deepEqual(endpointsOf(rendered, 'docker.io'), ['https://a.example.com/v2'])
  assert.deepEqual(endpointsOf(rendered, 'ghcr.io'), ['https://a.example.com/v2/c'])
})

test('an unusable endpoint is left out, with a note', () => {
  const rendered = render('mirrors: {docker.io: {endpoint: ["https://", "ftp://a.example.com", b.example.com]}}')
  assert.deepEqual(endpointsOf(rendered, 'docker.io'), ['https://b.example.com/v2'])
  assert.match(rendered.notes.join('|'), /^mirrors\."docker\.io": an endpoint is left out, because it is not an http or https URL [^|]*$/)
})

test('a cert_file without key_file is its own key, and a key_file without cert_file is left out', () => {
  const text = `mirrors: {docker.io: {endpoint: [a.example.com, b.example.com]}}
configs: {a.example.com: {tls: {cert_file: /both}}, b.example.com: {tls: {key_file: /key}}}`
  const rendered = render(text)
  assert.deepEqual(
    Object.values(hostsOf(rendered, 'docker.io').host).map(({ client }) => client),
    [['/both'], undefined],
  )
  assert.deepEqual(rendered.notes, [
    'configs."b.example.com": key_file is left out, because cert_file is missing',
    'mirrors."docker.io": key_file is left out, because cert_file is missing',
  ])
})

test('credentials are written under the host of the request', () => {
  const registryOf = (text: string): unknown =>
    (configOf(render(text)).plugins['io.containerd.cri.v1.images'] as Record<string, unknown>)['registry']
  const hub = 'docker.io: {auth: {username: u, identity_token: it}}'
  const expected = {
    config_path: '/etc/containerd/certs.d',
    configs: { 'registry-1.docker.io': { auth: { username: 'u', identitytoken: 'it' } } },
  }
  assert.deepEqual(registryOf(`configs: {${hub}}`), expected)
  assert.match(render(`configs: {${hub}}`).notes.join(), /under registry-1\.docker\.io/)
  const both = `configs: {${hub}, registry-1.docker.io: {auth: {password: p}}}`
  assert.deepEqual(registryOf(both), { ...expected, configs: { 'registry-1.docker.io': { auth: { password: 'p' } } } })
  assert.match(render(both).notes.join(), /left out/)
})

/** The credentials that have to stand in config.toml. */
function expectedAuths({ configs }: Registries): unknown {
  const auths = new Map([...configs].flatMap(([key, { auth }]) => (auth === undefined ? [] : [[key, auth] as const])))
  const hub = auths.get('docker.io')
  auths.delete('docker.io')
  if (hub !== undefined && !auths.has('registry-1.docker.io')) auths.set('registry-1.docker.io', hub)
  const tables = [...auths].map(([key, { username, password, auth, identityToken }]) => {
    const fields = Object.entries({ username, password, auth, identitytoken: identityToken })
    return [key, { auth: Object.fromEntries(fields.filter(([, value]) => value !== '')) }] as const
  })
  return JSON.parse(JSON.stringify(Object.fromEntries(tables)))
}

/** True where the file has this URL, perhaps with a prefix, and the settings that belong to it. */
function hasEndpoint({ host, ...top }: HostsFile, url: string, tls: RegistryTls | undefined): boolean {
  const all = [...Object.entries(host), [top.server ?? '', top] as const]
  const { caFile = '', certFile = '', keyFile = '', insecureSkipVerify = false } = tls ?? {}
  const client = certFile === '' ? undefined : keyFile === '' ? [certFile] : [[certFile, keyFile]]
  return all.some(
    ([found, settings]) =>
      (found === url || found.startsWith(`${url.replace(/\/+$/, '')}/`)) &&
      isDeepStrictEqual(
        [settings.ca, settings.client, settings.skip_verify],
        [caFile === '' ? undefined : [caFile], client, insecureSkipVerify || undefined],
      ),
  )
}

test('any registries become valid TOML with the same content', () => {
  const version = fc.constantFrom(2 as const, 3 as const)
  fc.assert(
    fc.property(anyRegistries, version, fc.boolean(), fc.boolean(), (registries, configVersion, disableDefaultEndpoint, isFull) => {
      const flags = { disableDefaultEndpoint }
      const rendered = renderContainerd(registries, { version: configVersion, flags, full: isFull ? {} : undefined })
      const cri = configOf(rendered).plugins[configVersion === 2 ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.images']
      const { configs = {} } = (cri?.['registry'] ?? {}) as { configs?: object }
      assert.deepEqual(configs, expectedAuths(registries))
      const { hosts } = buildHostTable(registries, flags)
      assert.equal(rendered.files.size, hosts.size + 1)
      for (const [key, { default: own, endpoints }] of hosts) {
        const file = hostsOf(rendered, key)
        for (const { url, found } of [...endpoints, ...(own === undefined ? [] : [own])]) {
          assert.ok(hasEndpoint(file, url ?? '', found.config.tls), `${url} is not in the file of ${key}`)
        }
        const patterns = endpoints.flatMap(({ rewrites }) => [...rewrites.keys()])
        for (const pattern of patterns.filter((text) => text === '^rancher/(.*)' || text === '(')) {
          assert.ok(
            rendered.notes.some((note) => note.includes(`"${pattern}"`)),
            `"${pattern}" is dropped in silence`,
          )
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('containerd 1 loads the whole configuration and the registry section', async (t) => {
  if (!requireServer(t, 'containerd')) return
  const text = `configs: {"r.example.com:5000": {auth: {username: u, password: 'p"\\x'}}, "[::1]:5000": {auth: {auth: dTpw}}}`
  for (const full of [undefined, { selinux: true, userNamespace: true, pauseImage: 'p.example.com/pause:1', root: '/r', state: '/s' }]) {
    const config = render(text, { version: 2, full }).files.get('config.toml') ?? ''
    const dump = parse(await dumpContainerdConfig(config)) as { root: string; plugins: Record<string, Record<string, unknown>> }
    const cri = JSON.parse(JSON.stringify(dump.plugins['io.containerd.grpc.v1.cri'])) as Record<string, Record<string, unknown>>
    const none = { username: '', password: '', auth: '', identitytoken: '' }
    assert.equal(cri['registry']?.['config_path'], '/etc/containerd/certs.d')
    assert.deepEqual(cri['registry']?.['configs'], {
      'r.example.com:5000': { auth: { ...none, username: 'u', password: 'p"\\x' } },
      '[::1]:5000': { auth: { ...none, auth: 'dTpw' } },
    })
    assert.equal(dump.root, full?.root ?? '/var/lib/containerd')
    assert.deepEqual([cri['enable_selinux'], cri['disable_cgroup']], [full !== undefined, full !== undefined])
  }
})

async function writeHosts(directory: TempDir, { files }: RenderedConfig): Promise<string> {
  for (const [path, text] of files) {
    await mkdir(dirname(`${directory.path}/${path}`), { recursive: true })
    await directory.write(path, text)
  }
  return `${directory.path}/certs.d`
}

test('containerd 1 uses the rendered hosts in their order, and no others', async (t) => {
  if (!requireServer(t, 'containerd')) return
  const text = `mirrors:
  docker.io:
    endpoint: ["http://[::1]:1", "http://127.0.0.1:1/proxy", "http://localhost:1"]
    rewrite: {"^(.*)$": "proj/$1"}
`
  const cases = [
    { flags: {}, last: 'https://registry-1.docker.io/v2/rancher/x/manifests/1' },
    { flags: { disableDefaultEndpoint: true }, last: undefined },
  ]
  for (const { flags, last } of cases) {
    await using directory = await tempDir()
    const rendered = render(text, { version: 2, flags })
    const hostsDir = await writeHosts(directory, rendered)
    await using containerd = await startContainerd({ config: rendered.files.get('config.toml') ?? '', hostsDir })
    await assert.rejects(containerd.criPull('docker.io/rancher/x:1'))
    const mirrors = ['http://[::1]:1/v2', 'http://127.0.0.1:1/proxy', 'http://localhost:1/v2']
    assert.deepEqual(
      [...new Set(containerd.attempts().map(({ url }) => url))],
      [...mirrors.map((url) => `${url}/proj/rancher/x/manifests/1?ns=docker.io`), ...(last === undefined ? [] : [last])],
    )
  }
})
