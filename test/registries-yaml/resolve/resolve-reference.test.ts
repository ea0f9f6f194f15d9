import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { formatReference, parseReference } from '../../../src/oci/reference.ts'
import { formatRegistries } from '../../../src/registries-yaml/generate/format-registries.ts'
import type { K3sFlags } from '../../../src/registries-yaml/hosts/k3s-flags.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { Registries } from '../../../src/registries-yaml/registries.ts'
import { renderRegistrySection } from '../../../src/registries-yaml/render/config-toml.ts'
import { renderHostsToml } from '../../../src/registries-yaml/render/hosts-toml.ts'
import { explainResolution } from '../../../src/registries-yaml/resolve/explain-resolution.ts'
import { createResolver } from '../../../src/registries-yaml/resolve/resolve-reference.ts'
import { parseVersion } from '../../../src/release/version.ts'

function read(text: string): Registries {
  const parsed = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(parsed.problems, [])
  return parsed.registries
}

const resolve = (text: string, reference: string, flags: K3sFlags & { readonly version?: ReturnType<typeof parseVersion> } = {}) =>
  createResolver(read(text), flags).resolve(parseReference(reference))
const requests = (text: string, reference: string, flags?: K3sFlags) =>
  resolve(text, reference, flags).endpoints.map(({ requestUrl }) => requestUrl)

/** All notes for a reference. */
function notes(text: string, reference: string, flags: K3sFlags = {}): string {
  const registries = read(text)
  const { notes: general, endpoints } = explainResolution(resolve(text, reference, flags), registries, flags)
  return [...general, ...endpoints.flat()].join('\n')
}

const mirror = 'mirrors: {docker.io: {endpoint: ["https://r.example.com:5000"]}}'

test('nodes use the endpoints of a mirror with ?ns=, and then the registry itself', () => {
  assert.deepEqual(requests(mirror, 'busybox'), [
    'https://r.example.com:5000/v2/library/busybox/manifests/latest?ns=docker.io',
    'https://registry-1.docker.io/v2/library/busybox/manifests/latest',
  ])
  assert.deepEqual(requests(mirror, 'busybox', { disableDefaultEndpoint: true }).length, 1)
  const digest = `sha256:${'a'.repeat(64)}`
  assert.deepEqual(requests('mirrors: {"q.io:5000": {endpoint: [http://x]}}', `q.io:5000/a/b:1@${digest}`), [
    `http://x/v2/a/b/manifests/${digest}?ns=q.io%3A5000`,
    `https://q.io:5000/v2/a/b/manifests/${digest}`,
  ])
})

test('without a mirror nodes use the registry itself, by http only on a localhost port', () => {
  assert.deepEqual(requests('', 'ghcr.io/a/b:1'), ['https://ghcr.io/v2/a/b/manifests/1'])
  assert.deepEqual(requests('', 'localhost:5000/b:1'), ['http://localhost:5000/v2/b/manifests/1'])
  assert.equal(resolve('', 'localhost:5000/b:1').endpoints[0]?.tls.skipVerify, true)
})

test('paths of endpoints replace /v2 and are normalised', () => {
  const text = 'mirrors: {docker.io: {endpoint: ["https://a/v2/", "https://b/p/v2", "https://c/p//q/"]}}'
  assert.deepEqual(requests(text, 'rancher/x:1', { disableDefaultEndpoint: true }), [
    'https://a/v2/rancher/x/manifests/1?ns=docker.io',
    'https://b/p/v2/rancher/x/manifests/1?ns=docker.io',
    'https://c/p/q/rancher/x/manifests/1?ns=docker.io',
  ])
})

test('a registry is upstream unless it is configured and has no mirror', () => {
  const upstream = (text: string, reference: string) => resolve(text, reference).endpoints.map(({ isUpstream }) => isUpstream)
  assert.deepEqual(upstream(mirror, 'x'), [false, true])
  assert.deepEqual(upstream('', 'x'), [true])
  assert.deepEqual(upstream('configs: {docker.io: {auth: {username: u}}}', 'x'), [true])
  assert.deepEqual(upstream('configs: {r.example.com: {auth: {username: u}}}', 'r.example.com/x'), [false])
  assert.deepEqual(upstream('mirrors: {"*": {endpoint: [m]}}\nconfigs: {m: {auth: {username: u}}}', 'm/x'), [false, true])
})

test('the resolved URL has no user, query and fragment', () => {
  const { endpoints } = resolve('mirrors: {docker.io: {endpoint: ["https://user:s3cret@m:5000/v2?token=t0ken#x"]}}', 'x')
  assert.equal(endpoints[0]?.url, 'https://m:5000/v2')
  assert.ok(!JSON.stringify(endpoints).match(/s3cret|t0ken/))
})

test('containerd tries https first for an http endpoint with TLS settings, except on port 80', () => {
  const first = (host: string, tls = 'insecure_skip_verify: true') =>
    resolve(`mirrors: {docker.io: {endpoint: ["http://${host}"]}}\nconfigs: {"${host}": {tls: {${tls}}}}`, 'x').endpoints[0]?.tls
      .triesHttpsFirst
  assert.deepEqual([first('m:5000'), first('m:80'), first('m:5000', '')], [true, false, false])
})

test('containerd reads host_port_, then host:port, then _default; the last key of a directory wins', () => {
  const first = (text: string, reference = 'r.example.com:5000/x:1') => requests(text, reference)[0]?.split('/')[2]
  const both = 'mirrors: {"r.example.com:5000": {endpoint: [b]}, "r.example.com_5000_": {endpoint: [a]}, "*": {endpoint: [c]}}'
  assert.equal(first(both), 'a')
  assert.equal(first(both, 'other.example.com:5000/x:1'), 'c')
  assert.equal(first('mirrors: {docker.io: {endpoint: [a]}, docker.io/: {endpoint: [b]}}', 'x'), 'b')
})

test('the certificate of a registry on localhost is not verified, also with the wildcard', () => {
  const { endpoints } = resolve('mirrors: {"*": {endpoint: [m]}}', 'localhost:5000/x:1')
  assert.deepEqual(
    endpoints.map(({ host: name, tls: { skipVerify } }) => [name, skipVerify]),
    [
      ['m', false],
      ['localhost:5000', true],
    ],
  )
})

test('the embedded registry gets the certificate of the node, and no credentials of the file', () => {
  const text = `${mirror}\nconfigs: {"127.0.0.1:6443": {auth: {username: u, password: p}}}`
  const [first] = resolve(text, 'x', { embeddedRegistry: true }).endpoints
  assert.deepEqual([first?.host, first?.credentials.credentials], ['127.0.0.1:6443', undefined])
  assert.deepEqual(first?.tls.client, [
    ['/var/lib/rancher/k3s/agent/client-k3s-controller.crt', '/var/lib/rancher/k3s/agent/client-k3s-controller.key'],
  ])
})

test('credentials are those of the requested host, as user name, identity token or auth', () => {
  const of = (auth: string, host = '"r.example.com:5000"') =>
    resolve(`${mirror}\nconfigs: {${host}: {auth: {${auth}}}}`, 'x').endpoints[0]?.credentials
  assert.deepEqual(of('username: u, password: p, identity_token: t')?.credentials, { kind: 'basic', username: 'u', password: 'p' })
  assert.deepEqual(of('identity_token: t, auth: dTpw')?.credentials, { kind: 'identity-token', token: 't' })
  assert.deepEqual(of('auth: dTpw')?.credentials, { kind: 'basic', username: 'u', password: 'p' })
  assert.deepEqual(of('auth: "dT\\npw\\n"')?.credentials, { kind: 'basic', username: 'u', password: 'p' })
  assert.deepEqual(of('auth: nonsense')?.isInvalid, true)
  for (const host of ['"*"', 'docker.io', 'r.example.com', '"R.example.com:5000"'])
    assert.equal(of('username: u, password: p', host)?.credentials, undefined, host)
})

test("only newer versions use Docker Hub's credentials under docker.io", () => {
  const user = (key: string, version?: string) => {
    const found = resolve(
      `configs: {${key}: {auth: {username: u, password: p}}}`,
      'x',
      version === undefined ? {} : { version: parseVersion(version) },
    )
    return found.endpoints[0]?.credentials.key
  }
  assert.equal(user('docker.io'), 'docker.io')
  assert.equal(user('docker.io', 'v1.33.2+k3s1'), undefined)
  assert.equal(user('docker.io', 'v1.33.3+k3s1'), 'docker.io')
  assert.equal(user('registry-1.docker.io', 'v1.30.0+k3s1'), 'registry-1.docker.io')
  assert.equal(user('index.docker.io'), undefined)
})

interface RewriteCase {
  readonly pattern: string
  readonly replacement: string
  readonly input: string
  readonly output: string
  readonly error: string
}

test('every rewrite has the same result as in Go', () => {
  const cases = JSON.parse(
    readFileSync(new URL('../../../fixtures/registries-yaml/rewrite-cases.json', import.meta.url), 'utf8'),
  ) as readonly RewriteCase[]
  for (const { pattern, replacement, input, output, error } of cases) {
    const registries: Registries = {
      mirrors: new Map([['r.example.com', { endpoints: ['https://m'], rewrites: new Map([[pattern, replacement]]) }]]),
      configs: new Map(),
    }
    const resolved = createResolver(registries).resolve({ registry: 'r.example.com', path: input, tag: '1' })
    // K3s writes the backslash of these two without escaping it, which is invalid TOML: containerd never reads the rewrite.
    if (/\\/.test(pattern + replacement)) {
      assert.ok(resolved.isBroken, pattern)
      assert.deepEqual(
        resolved.endpoints.map(({ url }) => url),
        ['https://r.example.com/v2'],
      )
    } else {
      assert.equal(resolved.endpoints[0]?.repository, error === '' ? output : input, pattern)
      assert.deepEqual(resolved.endpoints[0]?.rewrite.invalid, error === '' ? [] : [pattern])
    }
    assert.equal(resolved.endpoints.at(-1)?.repository, input, 'the default endpoint gets no rewrite')
  }
})

test('all results of several matching patterns are returned', () => {
  const text = 'mirrors: {docker.io: {endpoint: [m], rewrite: {"^rancher/(.*)": "a/$1", "(.*)": "b/$1", "^library/": "c/"}}}'
  const [first] = resolve(text, 'rancher/x').endpoints
  assert.deepEqual([first?.repository, ...(first?.rewrite.alternatives ?? [])], ['b/rancher/x', 'a/x'])
  assert.match(notes(text, 'rancher/x'), /at random: the repository can also become "a\/x"/)
  assert.deepEqual(
    requests('mirrors: {docker.io: {endpoint: [m], rewrite: {"^rancher/(.*)": "$1x"}}}', 'rancher/p:1')[0],
    'https://m/v2/manifests/1?ns=docker.io',
  )
})

test('notes explain unused settings, anonymous pulls and rewrites', () => {
  assert.match(notes(mirror, 'x'), /used if every endpoint above fails; --disable-default-registry-endpoint of K3s removes it/)
  assert.match(
    notes(`${mirror}\nconfigs: {docker.io: }`, 'x', { disableDefaultEndpoint: true }),
    /despite --disable-default-registry-endpoint, because "docker.io" is also a key of configs/,
  )
  assert.match(
    notes('mirrors: {"https://docker.io": {endpoint: [m]}}', 'x'),
    /"https:\/\/docker.io" does not match, because K3s looks up exactly "docker.io"/,
  )
  assert.match(notes('mirrors: {index.docker.io: {endpoint: [m]}}', 'x'), /"index.docker.io" does not match/)
  assert.match(notes('mirrors: {docker.io: }', 'x'), /has no usable endpoint/)
  const renaming = 'mirrors: {docker.io: {endpoint: [m], rewrite: {"^rancher/(.*)": "a/$1", "^b/": "c/"}}}'
  assert.match(notes(renaming, 'x'), /^no rewrite matches "library\/x": "\^b\/", "\^rancher\/\(\.\*\)"$/m)
  assert.doesNotMatch(notes(renaming, 'rancher/x'), /no rewrite/)
  assert.match(notes('mirrors: {"*": {endpoint: [m]}}', 'x'), /the mirror "\*" applies/)
  assert.match(notes('mirrors: {docker.io: {endpoint: [m], rewrite: {"a\\\\.b": c}}}', 'x'), /an invalid hosts\.toml/)
  const keyed = (key: string) => `${mirror}\nconfigs: {"${key}": {auth: {username: u, password: s3cret}, tls: {ca_file: /ca}}}`
  for (const key of ['r.example.com', 'https://r.example.com:5000', 'R.EXAMPLE.com:5000']) {
    assert.match(notes(keyed(key), 'x'), /anonymous: the credentials are under .* looks up exactly "r.example.com:5000"/)
    assert.match(notes(keyed(key), 'x'), /only with the system's CAs: tls is under/)
  }
  assert.match(notes(keyed('*'), 'x'), /never uses credentials under "\*"/)
  assert.match(notes(keyed('*'), 'x'), /the tls under "\*" does not apply to endpoints of mirrors/)
  assert.match(
    notes(`${mirror}\nconfigs: {"r.example.com:5000": {auth: {auth: bad}}}`, 'x'),
    /is not the base64 of username:password: the pull fails/,
  )
  const two =
    'mirrors: {docker.io: {endpoint: ["https://r:1", "https://r:2"]}}\nconfigs: {"r:2": {auth: {username: u, password: p}, tls: {ca_file: /ca}}}'
  assert.doesNotMatch(notes(two, 'x'), /anonymous|only with/, 'settings of another endpoint in the list belong to that one')
  for (const key of ['*', 'r.example.com', 'r.example.com:5000']) assert.ok(!notes(keyed(key), 'x').includes('s3cret'))
})

// What containerd does with the files, written down a second time and only here: https://github.com/containerd/containerd/blob/v2.1.4/docs/hosts.md

interface TomlEndpoint {
  readonly override_path?: boolean
  readonly ca?: readonly string[]
  readonly client?: readonly (readonly string[])[]
  readonly skip_verify?: boolean
  readonly rewrite?: Record<string, string>
}

interface HostsToml extends TomlEndpoint {
  readonly server?: string
  readonly host: Record<string, TomlEndpoint>
}

/** The endpoints in the rendered files for a reference, with TLS and the user of config.toml. */
function fromFiles(registries: Registries, flags: K3sFlags, reference: ReturnType<typeof parseReference>) {
  const { table } = createResolver(registries, flags)
  const { registry } = reference
  const file = table.hosts.get(registry) ?? table.hosts.get('_default')
  const config = parseToml(renderRegistrySection(registries, 3, flags)) as {
    plugins: Record<string, { registry: { configs?: Record<string, { auth: { username?: string } }> } }>
  }
  const users = config.plugins['io.containerd.cri.v1.images']?.registry.configs ?? {}
  const own = registry === 'docker.io' ? 'https://registry-1.docker.io/v2' : `https://${registry}/v2`
  const toml = file === undefined ? { server: own, host: {} } : (parseToml(renderHostsToml(file)) as unknown as HostsToml)
  const hosts: (readonly [string, TomlEndpoint])[] = Object.entries(toml.host)
  if (toml.server !== undefined || hosts.length === 0) hosts.push([toml.server || own, toml])
  return hosts.map(([text, endpoint]) => {
    const url = new URL(text)
    const path = posix.join(url.pathname, endpoint.override_path === true || url.pathname.endsWith('/v2') ? '' : '/v2')
    return {
      origin: `${url.protocol}//${url.host}`,
      path: posix.join(path, '/').slice(0, -1),
      repository: Object.entries(endpoint.rewrite ?? {}).reduce((name, [from, to]) => name.replace(new RegExp(from), to), reference.path),
      ca: endpoint.ca ?? [],
      client: endpoint.client ?? [],
      skipVerify: endpoint.skip_verify ?? false,
      user: users[url.host]?.auth.username ?? (url.host === 'registry-1.docker.io' ? users['docker.io']?.auth.username : undefined),
    }
  })
}

const host = fc.constantFrom('docker.io', 'registry-1.docker.io', 'quay.io', 'r.example.com:5000', 'm.example.com', '10.0.0.1:5000')
const endpoint = fc
  .tuple(fc.constantFrom('', 'https://', 'http://'), host, fc.constantFrom('', '/', '/v2', '/v2/', '/p/v2', '/v2/proxy'))
  .map((parts) => parts.join(''))
const plain = { noNullPrototype: true }
const tls = fc.record(
  {
    caFile: fc.constantFrom('', '/ca.crt'),
    certFile: fc.constantFrom('', '/c.crt'),
    keyFile: fc.constantFrom('', '/c.key'),
    insecureSkipVerify: fc.boolean(),
  },
  plain,
)
const auth = fc.record(
  {
    username: fc.constantFrom('u', 'someone "else"'),
    password: fc.string({ unit: fc.constantFrom('a', '"', '\\', '$', 'é', ' ', '#'), minLength: 1 }),
    auth: fc.constant(''),
    identityToken: fc.constant(''),
  },
  plain,
)
const rewrites = fc.constantFrom(new Map<string, string>(), new Map([['^rancher/(.*)', 'p/$1']]), new Map([['^library/(.*)', 'l/$1']]))
const registriesArbitrary: fc.Arbitrary<Registries> = fc.record({
  mirrors: fc
    .array(fc.tuple(fc.oneof(host, fc.constant('*')), fc.record({ endpoints: fc.array(endpoint, { maxLength: 3 }), rewrites }, plain)))
    .map((entries) => new Map(entries)),
  configs: fc
    .array(fc.tuple(host, fc.record({ auth: fc.option(auth, { nil: undefined }), tls: fc.option(tls, { nil: undefined }) }, plain)))
    .map((entries) => new Map(entries)),
})

test('parsing, rendering and resolving agree for random files', () => {
  const flags = fc.record({ disableDefaultEndpoint: fc.boolean() })
  const reference = host.map((registry) => parseReference(`${registry}/rancher/x:1`))
  fc.assert(
    fc.property(registriesArbitrary, flags, reference, (registries, k3s, image) => {
      const read = parseRegistries(formatRegistries(registries), 'registries.yaml')
      assert.deepEqual(read.problems, [])
      assert.deepEqual(read.registries, { ...registries })
      const resolved = createResolver(read.registries, k3s).resolve(image)
      const seen = resolved.endpoints.map(({ scheme, host: name, apiPath, repository, tls: settings, credentials }) => ({
        origin: `${scheme}://${name}`,
        path: apiPath,
        repository,
        ca: settings.ca,
        client: settings.client,
        skipVerify: settings.skipVerify,
        user: credentials.credentials?.kind === 'basic' ? credentials.credentials.username : undefined,
      }))
      assert.deepEqual(seen, fromFiles(read.registries, k3s, image), `${formatReference(image)}\n${formatRegistries(registries)}`)
    }),
    { numRuns: 1000 },
  )
})
