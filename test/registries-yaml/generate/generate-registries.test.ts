import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMirrorError } from '../../../src/errors.ts'
import { formatReference, parseReference, type Reference } from '../../../src/oci/reference.ts'
import { nameDestination } from '../../../src/plan/destination-names.ts'
import { generateRegistries, type GeneratedRegistries } from '../../../src/registries-yaml/generate/generate-registries.ts'
import { nodeEndpoint, type GenerateOptions } from '../../../src/registries-yaml/generate/options.ts'
import { proveResolution } from '../../../src/registries-yaml/generate/prove-resolution.ts'
import { parseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { buildHostTable } from '../../../src/registries-yaml/hosts/host-table.ts'
import { normaliseEndpoint } from '../../../src/registries-yaml/hosts/normalise-endpoint.ts'
import { lintRegistries } from '../../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { RegistryAuth, RegistryConfig } from '../../../src/registries-yaml/registries.ts'
import { parseRenameRule } from '../../../src/registries-yaml/rename-rule.ts'
import { parseEndpoint } from '../../../src/registry/endpoint.ts'
import { parseImageList } from '../../../src/release/image-list.ts'
import { parseVersion } from '../../../src/release/version.ts'

function fixture(name: string): readonly Reference[] {
  const text = readFileSync(new URL(`../../../fixtures/release/${name}`, import.meta.url), 'utf8')
  return parseImageList(text, name).images
}

const k3s = fixture('k3s-images.v1.37.1+k3s1.txt')
const lists = [
  k3s,
  fixture('k3s-images.v1.17.4+k3s1.txt'),
  fixture('rancher-images.2026-02.txt'),
  fixture('rke2-images-core.linux-amd64.v1.36.3+rke2r1.txt'),
]

interface Given extends Partial<GenerateOptions> {
  readonly rewrite?: readonly string[]
}

/** Names the images as `mirror` does and generates for them. */
function generate(sources: readonly (Reference | string)[], to: string, { rewrite = [], ...options }: Given = {}): GeneratedRegistries {
  const endpoint = parseEndpoint(to)
  const naming = {
    registry: endpoint.origin.host,
    prefix: endpoint.prefix.slice(0, -1),
    rules: rewrite.map(parseRenameRule),
    flatten: options.flatten,
  }
  const images = sources
    .map((source) => (typeof source === 'string' ? parseReference(source) : source))
    .map((source) => ({ source, destination: nameDestination(source, naming) }))
  return generateRegistries({ endpoint, images, ...options })
}

function rewritesOf({ registries }: GeneratedRegistries, registry = 'docker.io'): Record<string, string> {
  return Object.fromEntries(registries.mirrors.get(registry)?.rewrites ?? [])
}

/** The text read back, which has no findings. */
async function readClean(text: string): Promise<GeneratedRegistries['registries']> {
  const parsed = parseRegistries(text, 'registries.yaml')
  assert.deepEqual([parsed.problems, parsed.remarks], [[], []], text)
  const findings = await lintRegistries(parsed, { files: false })
  // A registry on the node itself is legal, and generate warns about it.
  const others = findings.filter(({ rule, severity }) => rule !== 'endpoint-loopback' || severity !== 'info')
  assert.deepEqual(others, [], text)
  return parsed.registries
}

/** The file with the comments after the instruction turned into settings. */
function filledIn(text: string): string {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.includes('remove one "# " from each line'))
  assert.notEqual(start, -1, text)
  return lines.map((line, index) => (index > start ? line.replace(/^( *)# /, '$1') : line)).join('\n')
}

const auth = (fields: Partial<RegistryAuth>): RegistryConfig => ({
  tls: undefined,
  auth: { username: '', password: '', auth: '', identityToken: '', ...fields },
})
const tls = (fields: Partial<NonNullable<RegistryConfig['tls']>>): RegistryConfig => ({
  tls: { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false, ...fields },
  auth: undefined,
})

test('a release under a prefix has one mirror, one rewrite, and settings to fill in', async () => {
  const made = generate(k3s, 'registry.example.com:5000/mirror', { selection: 'v1.37.1+k3s1', version: '9.9.9' })
  assert.equal(
    made.text,
    `# registries.yaml for K3s nodes, made by k3s-mirror 9.9.9
# for v1.37.1+k3s1 at https://registry.example.com:5000/mirror
#
# Copy it to /etc/rancher/k3s/registries.yaml on every node, server or agent, then restart K3s:
# systemctl restart k3s on servers, k3s-agent on agents.
# Nodes still pull other images from the registry in the image name, unless K3s runs with --disable-default-registry-endpoint.

mirrors:
  docker.io:
    endpoint:
      - https://registry.example.com:5000
    rewrite:
      "^(.*)$": "mirror/$1"

# # If the registry needs these settings, remove one "# " from each line and fill in:
# configs:
#   "registry.example.com:5000":
#     tls:
#       ca_file: /etc/rancher/k3s/registry-ca.crt # the CA of the registry, if nodes do not trust it yet
#       cert_file: /etc/rancher/k3s/registry-client.crt # only if the registry requires a client certificate
#       key_file: /etc/rancher/k3s/registry-client.key
#     auth: # an account that can only pull
#       username: USERNAME
#       password: PASSWORD
`,
  )
  assert.deepEqual([made.notes, made.warnings, made.systemDefaultRegistry], [[], [], 'registry.example.com:5000/mirror'])
  assert.deepEqual(await readClean(made.text), made.registries)
  const { configs } = parseRegistries(filledIn(made.text), 'registries.yaml').registries
  assert.deepEqual(
    [...configs],
    [
      [
        'registry.example.com:5000',
        {
          tls: {
            caFile: '/etc/rancher/k3s/registry-ca.crt',
            certFile: '/etc/rancher/k3s/registry-client.crt',
            keyFile: '/etc/rancher/k3s/registry-client.key',
            insecureSkipVerify: false,
          },
          auth: { username: 'USERNAME', password: 'PASSWORD', auth: '', identityToken: '' },
        },
      ],
    ],
  )
})

test('unchanged names have no rewrite, and every registry gets its mirror', () => {
  const { registries } = generate(['rancher/a', 'quay.io/b/c:1', 'registry.k8s.io/d'], 'http://localhost:5000')
  assert.deepEqual(
    registries.mirrors,
    new Map(
      ['docker.io', 'quay.io', 'registry.k8s.io'].map((name) => [name, { endpoints: ['http://localhost:5000'], rewrites: new Map() }]),
    ),
  )
})

test('each naming becomes the widest correct pattern, without quotes and backslashes', () => {
  const images = ['rancher/klipper-lb', 'rancher/mirrored-pause', 'docker.io/a.b/c.d/e', 'docker.io/a.b/c.d/f', 'lone']
  const cases: readonly (readonly [options: Given, to: string, expected: Record<string, string>, sources?: readonly string[]])[] = [
    [{}, 'reg.example.com/p/q', { '^(.*)$': 'p/q/$1' }],
    [{ flatten: true }, 'reg.example.com', { '^(?:.*/)?([^/]+)$': '$1' }],
    [{ flatten: true }, 'reg.example.com/p', { '^(?:.*/)?([^/]+)$': 'p/$1' }],
    [{ flatten: true }, 'reg.example.com/p', { '^(?:.*/)?([^/]+)$': 'p/$1' }, images.slice(0, 1)],
    [{ rewrite: ['^rancher/(.*)=k3s/$1'] }, 'reg.example.com', { '^rancher/(.*)$': 'k3s/$1' }, images.slice(0, 2)],
    [{ rewrite: ['^a[.]b/=x/'] }, 'reg.example.com/p', { '^a[.]b/(.*)$': 'p/x/$1' }, images.slice(2, 4)],
    [{ rewrite: ['^rancher/(.*)=k3s/$1'] }, 'reg.example.com', { '^rancher/([^/]+)$': 'k3s/$1' }],
    [{ rewrite: ['c[.]d=y'] }, 'reg.example.com', { '^a[.]b/c[.]d/([^/]+)$': 'a.b/y/$1' }],
    [{ rewrite: ['-lb$=-x'] }, 'reg.example.com', { '^rancher/klipper-lb$': 'rancher/klipper-x' }],
    [{ rewrite: ['^(a[.]b/.*)e$=${1}z'] }, 'reg.example.com', { '^a[.]b/c[.]d/e$': 'a.b/c.d/z' }],
  ]
  for (const [options, to, expected, sources = images] of cases) {
    assert.deepEqual(rewritesOf(generate(sources, to, options)), expected, JSON.stringify(options))
  }
})

test('nodes find every image under its name at the destination, for any selection and naming, and the file has no findings', async () => {
  const registries = ['docker.io', 'quay.io', 'ghcr.io', 'registry.k8s.io', 'reg.example.com', 'other.example.com:5000', 'localhost:5000']
  const rewrites = [
    '^rancher/(.*)=k3s/$1',
    '^rancher/mirrored-(.*)=m/$1',
    '(?:^|/)mirrored-=/x-',
    '^([^/]*)$=library/$1',
    's=z',
    'l(.*)r=${1}-0',
    '-(?P<n>[a-z]+)$=/${n}',
  ]
  const selection = fc.constantFrom(...lists).chain((list) =>
    fc.array(fc.tuple(fc.constantFrom(...list), fc.option(fc.constantFrom(...registries), { nil: undefined })), {
      minLength: 1,
      maxLength: 40,
    }),
  )
  const naming = fc.record({
    to: fc.constantFrom(
      'reg.example.com',
      'https://reg.example.com:8443',
      'http://localhost:5000',
      'http://other.example.com:5000',
      'docker.io',
      'https://[fd00::1]:5000',
    ),
    prefix: fc.constantFrom('', '/mirror', '/a.b/c_d', '/rancher', '/library'),
    flatten: fc.boolean(),
    wildcard: fc.boolean(),
    rewrite: fc.array(fc.constantFrom(...rewrites), { maxLength: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(selection, naming, async (chosen, { to, prefix, ...options }) => {
      const sources = chosen.map(([source, registry = source.registry]) => ({ ...source, registry }))
      let made: GeneratedRegistries
      try {
        made = generate(sources, `${to}${prefix}`, options)
      } catch (error) {
        // Only names that do not exist, and wildcards that would be wrong.
        assert.ok(isMirrorError(error) && (error.code === 'INVALID_REWRITE' || (error.code === 'USAGE' && options.wildcard)), String(error))
        return
      }
      checkResolution(made, sources, `${to}${prefix}`, options)
      assert.deepEqual(await readClean(made.text), made.registries)
    }),
    { numRuns: 300 },
  )
})

/** Looks images up by hand: the host table, then the one pattern that matches. */
function checkResolution(
  { registries }: GeneratedRegistries,
  sources: readonly Reference[],
  to: string,
  { rewrite = [], flatten }: Given,
): void {
  const { hosts } = buildHostTable(registries)
  const endpoint = parseEndpoint(to)
  const url = normaliseEndpoint(endpoint.origin.origin).url
  const naming = { registry: endpoint.origin.host, prefix: endpoint.prefix.slice(0, -1), rules: rewrite.map(parseRenameRule), flatten }
  for (const source of sources) {
    const entry = hosts.get(source.registry) ?? hosts.get('_default')
    const [first = entry?.default] = entry?.endpoints ?? []
    if (first === undefined) {
      assert.equal(normaliseEndpoint(source.registry).url, url, `${formatReference(source)} has no mirror`)
      continue
    }
    assert.equal(first.url, url)
    const patterns = [...first.rewrites].filter(([pattern]) => parseGoRegexp(pattern).matches(source.path))
    assert.ok(patterns.length <= 1, `${source.path} matches ${patterns.length} patterns`)
    for (const text of [...first.rewrites].flat()) assert.doesNotMatch(text, /["'\\]/)
    const [path] = patterns.map(([pattern, replacement]) => parseGoRegexp(pattern).replaceAll(source.path, replacement))
    assert.equal(path ?? source.path, nameDestination(source, naming).path)
  }
}

test('images of the destination itself need no mirror', async () => {
  const made = generate(['reg.example.com/team/app', 'rancher/a'], 'reg.example.com/mirror')
  assert.deepEqual([...made.registries.mirrors.keys()], ['docker.io'])
  assert.match(made.notes.join('\n'), /^1 of 2 images keep their names: they come from reg\.example\.com itself/m)
  assert.match(
    made.notes.join('\n'),
    /^nodes pull reg\.example\.com\/team\/app:latest, not its copy reg\.example\.com\/mirror\/team\/app:latest:/m,
  )
  const own = generate(['reg.example.com/team/app'], 'reg.example.com/mirror')
  assert.deepEqual(await readClean(own.text), { mirrors: new Map(), configs: new Map() })
  // With http the endpoint differs from the default endpoint.
  const http = generate(['reg.example.com:5000/team/app'], 'http://reg.example.com:5000')
  assert.deepEqual(http.registries.mirrors.get('reg.example.com:5000')?.endpoints, ['http://reg.example.com:5000'])
})

test('Docker Hub as the destination is registry-1.docker.io', () => {
  const { registries, text } = generate(['quay.io/a/b'], 'docker.io/team', { flatten: true, caFile: '/ca.crt' })
  assert.deepEqual(registries.mirrors.get('quay.io')?.endpoints, ['https://registry-1.docker.io'])
  assert.deepEqual([...registries.configs.keys()], ['registry-1.docker.io'])
  assert.match(text, /at https:\/\/registry-1\.docker\.io\/team$/m)
})

test('a wildcard is written if one rewrite fits all registries, and is otherwise rejected with the reason', async () => {
  const made = generate(['rancher/a', 'quay.io/b/c'], 'reg.example.com/mirror', { wildcard: true })
  assert.deepEqual(
    made.registries.mirrors,
    new Map([['*', { endpoints: ['https://reg.example.com'], rewrites: new Map([['^(.*)$', 'mirror/$1']]) }]]),
  )
  assert.deepEqual(await readClean(made.text), made.registries)
  assert.match(made.notes.join('\n'), /^the wildcard requires K3s v1\.26\.15, v1\.27\.12, v1\.28\.8, v1\.29\.3 or later$/m)
  const refused: readonly (readonly [RegExp, readonly string[], Given])[] = [
    [/v1\.26\.14 does not support it/, ['rancher/a'], { versions: [parseVersion('v1.26.14+k3s1')] }],
    [/no single rewrite produces all names/, ['rancher/a', 'quay.io/b/c', 'quay.io/b/d'], { rewrite: ['^b/c$=x/y'] }],
    [/reg\.example\.com\/b:latest is already at the destination/, ['rancher/a', 'reg.example.com/b'], {}],
  ]
  for (const [message, sources, options] of refused) {
    assert.throws(() => generate(sources, 'reg.example.com/mirror', { ...options, wildcard: true }), { code: 'USAGE', message })
  }
  const same = ['docker.io/a/b', 'quay.io/a/b'].map(parseReference)
  const images = same.map((source, index) => ({ source, destination: { ...source, registry: 'reg.example.com', path: `x${index}/b` } }))
  const endpoint = parseEndpoint('reg.example.com')
  assert.throws(() => generateRegistries({ endpoint, images, wildcard: true }), {
    code: 'USAGE',
    message: /have the same path, but not at the destination/,
  })
})

test('a registry in upper case is rejected, because no mirror matches it', () => {
  assert.throws(() => generate(['Quay.IO/a/b'], 'reg.example.com'), { code: 'USAGE', message: /upper-case registry name/ })
})

test('TLS files and the account of nodes come from the options', async () => {
  const account = { username: 'k3s', password: 's3cret' }
  const made = generate(k3s, 'reg.example.com', { caFile: '/etc/ca.crt', certFile: '/c.crt', keyFile: 'C:\\c.key', ...account })
  assert.deepEqual(made.registries.configs.get('reg.example.com'), {
    ...tls({ caFile: '/etc/ca.crt', certFile: '/c.crt', keyFile: 'C:\\c.key' }),
    auth: auth(account).auth,
  })
  assert.match(made.notes.join('\n'), /^copy the TLS files to the same paths on every node$/m)
  assert.equal(made.systemDefaultRegistry, 'reg.example.com')
  assert.deepEqual(await readClean(made.text), made.registries)
  assert.deepEqual(made.warnings, [])
})

test('a user without a password gets a placeholder, which lint reports, and a warning', async () => {
  const made = generate(k3s, 'reg.example.com', { username: 'k3s' })
  const parsed = parseRegistries(made.text, 'registries.yaml')
  assert.deepEqual(parsed.registries.configs.get('reg.example.com')?.auth, auth({ username: 'k3s', password: 'PASSWORD' }).auth)
  assert.deepEqual(
    (await lintRegistries(parsed, { files: false })).map(({ rule, severity }) => `${severity} ${rule}`),
    ['error auth-placeholder'],
  )
  assert.deepEqual(made.warnings, ['no password for "k3s": nodes get 401 until you replace PASSWORD, or pass options.password'])
  assert.match(made.text, /^ {4}# Replace PASSWORD: nodes get 401 until then\.$/m)
  // The settings to fill in are still valid.
  const filled = parseRegistries(filledIn(made.text), 'registries.yaml')
  assert.deepEqual([filled.problems, filled.remarks], [[], []])
  assert.equal(filled.registries.configs.get('reg.example.com')?.tls?.caFile, '/etc/rancher/k3s/registry-ca.crt')
})

test('a given password is written, with a warning for plain http to another machine', () => {
  const account = { username: 'k3s', password: 's3cret' }
  const warnings = (to: string): readonly string[] => {
    const made = generate(k3s, to, account)
    assert.deepEqual([...made.registries.configs.values()][0]?.auth, auth(account).auth)
    for (const text of [...made.notes, ...made.warnings]) assert.doesNotMatch(text, /s3cret/)
    return made.warnings
  }
  assert.deepEqual(warnings('reg.example.com'), [])
  assert.deepEqual(warnings('http://reg.example.com'), ['nodes send the password in clear text: the destination uses plain http'])
  assert.deepEqual(warnings('http://127.0.0.1:5000'), ['127.0.0.1 means the node itself: use an address that nodes can reach'])
  const known = auth({ username: 'k3s', password: '0ther' })
  assert.equal(
    generate(k3s, 'reg.example.com', { ...account, known, secrets: true }).registries.configs.get('reg.example.com')?.auth?.password,
    's3cret',
  )
})

test('a destination that is the node itself is a warning, also in the file', () => {
  for (const host of ['127.0.0.1:5000', 'localhost:5000', '[::1]:5000', '0.0.0.0:5000']) {
    const { text, warnings } = generate(k3s, `http://${host}`)
    assert.equal(warnings.length, 1, host)
    assert.match(warnings[0] ?? '', /^[^ ]+ means the node itself: use an address that nodes can reach$/)
    assert.ok(text.includes(`# Warning: ${warnings[0] ?? ''}\n`), host)
  }
  assert.deepEqual(generate(k3s, 'https://reg.example.com').warnings, [])
})

test('invalid TLS options are rejected', () => {
  const cases: readonly (readonly [RegExp, string, Given])[] = [
    [/options\.caFile requires https, and the destination uses plain http/, 'http://reg.example.com', { caFile: '/ca.crt' }],
    [/"ca\.crt" is not an absolute path/, 'reg.example.com', { caFile: 'ca.crt' }],
    [/options\.certFile requires options\.keyFile/, 'reg.example.com', { certFile: '/c.crt' }],
    [/options\.keyFile requires options\.certFile/, 'reg.example.com', { keyFile: '/c.key' }],
    [/options\.password requires options\.username/, 'reg.example.com', { password: 's3cret' }],
    [/options\.username is empty/, 'reg.example.com', { username: '' }],
  ]
  for (const [message, to, options] of cases) assert.throws(() => generate(k3s, to, options), { code: 'USAGE', message })
})

test('known TLS files are copied, but not insecure_skip_verify and relative paths', async () => {
  const known = tls({ caFile: '/ca.crt', certFile: '/both.pem', insecureSkipVerify: true })
  const made = generate(k3s, 'reg.example.com', { known })
  assert.deepEqual(
    made.registries.configs.get('reg.example.com')?.tls,
    tls({ caFile: '/ca.crt', certFile: '/both.pem', keyFile: '/both.pem' }).tls,
  )
  assert.match(made.notes.join('\n'), /^insecure_skip_verify is not copied/m)
  await readClean(made.text)
  const relative = generate(k3s, 'reg.example.com', { known: tls({ caFile: 'ca.crt', certFile: '/c', keyFile: 'k' }) })
  assert.equal(relative.registries.configs.size, 0)
  assert.match(relative.notes.join('\n'), /^relative paths/m)
  const given = generate(k3s, 'reg.example.com', { known, caFile: '/other.crt' })
  assert.equal(given.registries.configs.get('reg.example.com')?.tls?.caFile, '/other.crt')
  const http = generate(k3s, 'http://reg.example.com', { known })
  assert.equal(http.registries.configs.size, 0)
  assert.doesNotMatch(http.text, /tls/)
})

test('known credentials are written only on request, and never for http', async () => {
  const kinds: readonly (readonly [RegistryConfig, RegistryConfig])[] = [
    [auth({ username: 'bob', password: 's3cret', auth: 'x', identityToken: 'y' }), auth({ username: 'bob', password: 's3cret' })],
    [auth({ identityToken: 's3cret', auth: 'x' }), auth({ identityToken: 's3cret' })],
    [auth({ auth: Buffer.from('bob:s3cret').toString('base64') }), auth({ username: 'bob', password: 's3cret' })],
  ]
  for (const [known, written] of kinds) {
    const shown = generate(k3s, 'reg.example.com', { known })
    assert.equal(shown.registries.configs.size, 0)
    assert.doesNotMatch(shown.text, /s3cret|czNjcmV0/)
    assert.match(shown.notes.join('\n'), /credentials .* are not printed/)
    const secret = generate(k3s, 'reg.example.com', { known, secrets: true })
    assert.deepEqual(secret.registries.configs.get('reg.example.com'), written)
    assert.deepEqual(await readClean(secret.text), secret.registries)
    assert.match(secret.notes.join('\n'), /an account that can only pull/)
    const http = generate(k3s, 'http://reg.example.com', { known, secrets: true })
    assert.doesNotMatch(http.text, /s3cret|czNjcmV0/)
    await readClean(http.text)
    const other = generate(k3s, 'reg.example.com', { known, secrets: true, username: 'node' })
    assert.doesNotMatch(other.text, /s3cret|czNjcmV0|bob/)
    assert.match(other.text, /^ {6}username: node$/m)
  }
})

test('the value of --system-default-registry, or the reason why no value replaces the mirrors', () => {
  const value = (sources: readonly (Reference | string)[], to: string, options: Given = {}): string | undefined =>
    generate(sources, to, options).systemDefaultRegistry
  assert.equal(value(k3s, 'reg.example.com'), 'reg.example.com')
  assert.equal(value(k3s, 'http://localhost:5000/a/b'), 'localhost:5000/a/b')
  assert.equal(value(['ghcr.io/k3s-io/klipper-lb:v1', 'rancher/pause:1'], 'reg.example.com/p'), 'reg.example.com/p')
  assert.equal(value(k3s, 'reg.example.com', { rewrite: ['^=p/'] }), 'reg.example.com/p')
  const reasons: readonly (readonly [RegExp, readonly (Reference | string)[], Given])[] = [
    [/it renames only K3s' own images, and none of them is selected/, ['quay.io/a/b:1', 'rancher/k3s:v1', 'ghcr.io/k3s-io/k3s:v1'], {}],
    [/K3s v1\.20\.4 does not support it, only v1\.21\.1 and later/, k3s, { versions: [parseVersion('v1.20.4+k3s1')] }],
    [/it keeps the path rancher\/klipper-helm, which is klipper-helm at the destination/, k3s, { flatten: true }],
    [/do not share one prefix/, k3s, { rewrite: ['^(rancher/klipper.*)=x/$1'] }],
  ]
  for (const [reason, sources, options] of reasons) {
    const made = generate(sources, 'reg.example.com', options)
    assert.equal(made.systemDefaultRegistry, undefined)
    assert.match(made.notes.join('\n'), new RegExp(`^--system-default-registry cannot replace the mirrors: .*${reason.source}`, 'm'))
  }
})

test('--system-default-registry covers only the images that K3s pulls for itself', () => {
  const others = [
    'docker.io/rancher/k3s-upgrade:v1.37.1-k3s1',
    'docker.io/rancher/system-upgrade-controller:v0.14.0',
    'docker.io/rancher/kubectl:v1.30.3',
    'docker.io/rancher/k3s:v1.37.1-k3s1',
    'docker.io/acme/pause:1',
    'quay.io/rancher/mirrored-pause:3.6',
  ]
  const made = generate([...k3s, ...others], 'reg.example.com/p')
  assert.deepEqual([made.systemDefaultRegistry, made.needMirrors, made.notes], ['reg.example.com/p', others, []])
  assert.deepEqual(generate(k3s, 'reg.example.com/p').needMirrors, [])
  // What is pulled from the destination in any case needs no mirror.
  assert.deepEqual(generate([...k3s, 'reg.example.com/acme/app:1'], 'reg.example.com').needMirrors, [])
})

test('an image that the list of a release names is one of K3s, whatever its name', () => {
  const image = parseReference('ghcr.io/k3s-io/a-coming-component:1')
  const destination = { ...image, registry: 'reg.example.com' }
  const endpoint = parseEndpoint('reg.example.com')
  const use = (isListed: boolean): string | undefined =>
    generateRegistries({ endpoint, images: [{ source: image, destination, isListed }] }).systemDefaultRegistry
  assert.deepEqual([use(true), use(false)], ['reg.example.com', undefined])
})

test('releases before and after the move to ghcr.io get both mirrors, and one value of --system-default-registry', async () => {
  const both = [...fixture('k3s-images.v1.39.0+k3s1.txt'), ...fixture('k3s-images.v1.40.0+k3s1.txt')]
  const versions = ['v1.39.0+k3s1', 'v1.40.0+k3s1'].map(parseVersion)
  const cases: readonly (readonly [options: Given, rewrites: Record<string, Record<string, string>>, value: string | undefined])[] = [
    [{}, { 'docker.io': { '^(.*)$': 'p/$1' }, 'ghcr.io': { '^(.*)$': 'p/$1' } }, 'reg.example.com/p'],
    [{ wildcard: true }, { '*': { '^(.*)$': 'p/$1' } }, 'reg.example.com/p'],
    [{ flatten: true, wildcard: true }, { '*': { '^(?:.*/)?([^/]+)$': 'p/$1' } }, undefined],
    [{ flatten: true }, { 'docker.io': { '^(?:.*/)?([^/]+)$': 'p/$1' }, 'ghcr.io': { '^(?:.*/)?([^/]+)$': 'p/$1' } }, undefined],
    [
      { rewrite: ['^rancher/(.*)=k3s-io/$1'] },
      { 'docker.io': { '^rancher/(.*)$': 'p/k3s-io/$1' }, 'ghcr.io': { '^(.*)$': 'p/$1' } },
      undefined,
    ],
    [{ rewrite: ['^rancher/(.*)=k3s-io/$1'], wildcard: true }, { '*': { '^(?:.*/)?([^/]+)$': 'p/k3s-io/$1' } }, undefined],
  ]
  for (const [options, rewrites, value] of cases) {
    const made = generate(both, 'reg.example.com/p', { ...options, versions })
    const found = [...made.registries.mirrors].map(([name, mirror]) => [name, Object.fromEntries(mirror.rewrites)] as const)
    assert.deepEqual(Object.fromEntries(found), rewrites)
    assert.equal(made.systemDefaultRegistry, value)
    // generateRegistries has proved that each image is found; the file is the same once it is read back.
    assert.deepEqual(await readClean(made.text), made.registries)
  }
})

test('notes name requirements and the wrong scheme', () => {
  const notes = (to: string, options: Given = {}): string => generate(k3s, to, options).notes.join('\n')
  assert.match(
    notes('http://reg.example.com:5000'),
    /also needs a mirror "reg\.example\.com:5000" with the endpoint http:\/\/reg\.example\.com:5000$/m,
  )
  assert.match(notes('reg.example.com/p', { versions: [parseVersion('v1.20.4+k3s1')] }), /^K3s v1\.20\.4 does not support rewrite/m)
  assert.match(
    notes('https://[fd00::1]', { versions: [parseVersion('v1.30.8+k3s1')] }),
    /^K3s v1\.30\.8 cannot read an endpoint with an IPv6 address/m,
  )
  assert.equal(notes('reg.example.com', { versions: [parseVersion('v1.21.1+k3s1')] }), '')
})

test('the proof fails for every file that would lead nodes elsewhere', () => {
  const endpoint = nodeEndpoint(new URL('https://reg.example.com'))
  const [source, destination] = ['rancher/pause:1', 'reg.example.com/p/rancher/pause:1'].map(parseReference)
  assert.ok(source && destination)
  const images = [{ source, destination }]
  const prove = (mirrors: Readonly<Record<string, readonly [endpoint: string, rewrites: Readonly<Record<string, string>>]>>): void => {
    const made = Object.entries(mirrors).map(
      ([name, [url, rewrites]]) => [name, { endpoints: [url], rewrites: new Map(Object.entries(rewrites)) }] as const,
    )
    proveResolution({ mirrors: new Map(made), configs: new Map() }, images, [], endpoint)
  }
  const url = 'https://reg.example.com'
  const right = { '^(.*)$': 'p/$1' }
  prove({ 'docker.io': [url, right] })
  prove({ '*': [url, right] })
  const wrong = [
    {},
    { 'quay.io': [url, right] },
    { 'docker.io': [url, {}] },
    { 'docker.io': ['http://reg.example.com', right] },
    { 'docker.io': ['https://reg.example.com/path', right] },
    { 'docker.io': ['https://other.example.com', right] },
    { 'docker.io': [url, { '(.*)/': 'p/$1' }] },
    { 'docker.io': [url, { ...right, '^r': 'x' }] },
    { 'docker.io': [url, { ...right, '(': 'x' }] },
    { 'docker.io': [url, { ...right, '"': 'x' }] },
  ] as const
  for (const mirrors of wrong)
    assert.throws(() => prove(mirrors), { code: 'INTERNAL', message: /a node would pull/ }, JSON.stringify(mirrors))
})
