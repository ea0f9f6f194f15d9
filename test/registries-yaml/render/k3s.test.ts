import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildHostTable } from '../../../src/registries-yaml/hosts/host-table.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { Registries } from '../../../src/registries-yaml/registries.ts'
import { describeIgnored } from '../../../src/registries-yaml/render/ignored-endpoints.ts'
import { renderK3s, type K3sRenderOptions } from '../../../src/registries-yaml/render/k3s.ts'
import type { RenderedConfig } from '../../../src/registries-yaml/render/rendered.ts'
import { k3sCases, registrySection } from './k3s-cases.ts'

function registriesOf(text: string): Registries {
  const { registries, problems } = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(problems, [])
  return registries
}

function render(text: string, options: Partial<K3sRenderOptions> = {}): RenderedConfig {
  return renderK3s(registriesOf(text), { version: 3, ...options })
}

function hosts({ files }: RenderedConfig): ReadonlyMap<string, string> {
  return new Map([...files].filter(([path]) => path !== 'config.toml'))
}

test('the cases include files that K3s rejects', () => {
  assert.equal(k3sCases.length, 24)
  assert.equal(k3sCases.filter(({ isRefused }) => isRefused).length, 2)
})

for (const { name, text, isRefused, log, configs, ...expected } of k3sCases) {
  test(`case ${name} is rendered byte for byte`, () => {
    const { registries, problems } = parseRegistries(text, 'registries.yaml')
    assert.equal(problems.length > 0, isRefused)
    if (isRefused) return
    const flags = { disableDefaultEndpoint: expected.disableDefaultEndpoint, embeddedRegistry: expected.embeddedRegistry }
    for (const version of [2, 3] as const) {
      const part = renderK3s(registries, { version, flags })
      assert.deepEqual(hosts(part), expected.hosts)
      const config = configs.get(version)
      if (config === undefined) continue
      assert.equal(part.files.get('config.toml'), registrySection(config))
      assert.equal(renderK3s(registries, { version, flags, full: {} }).files.get('config.toml'), config)
    }
    // K3s quotes Go's own words after the last colon
    const beginning = (line: string): string => line.replace(/: [^:]*(?:: [^:]*)?"[^]*$/, '').replace(/: [^:]*$/, '')
    assert.deepEqual(describeIgnored(registries, { embeddedRegistry: expected.embeddedRegistry }).map(beginning), log.map(beginning))
  })
}

test('a key becomes a path by the rules of Go', () => {
  const mirror = '{endpoint: [m.example.com]}'
  const paths = [...hosts(render(`mirrors: {"a//b/": ${mirror}, "./c": ${mirror}, "/d": ${mirror}, "e/../f": ${mirror}}`)).keys()]
  assert.deepEqual(paths, ['certs.d/a/b/hosts.toml', 'certs.d/c/hosts.toml', 'certs.d/d/hosts.toml', 'certs.d/f/hosts.toml'])
})

test('the last of two keys with one directory wins, with a note', () => {
  const rendered = render('mirrors:\n  docker.io: {endpoint: [one.example.com]}\n  docker.io/: {endpoint: [two.example.com]}\n')
  assert.match(rendered.files.get('certs.d/docker.io/hosts.toml') ?? '', /two\.example\.com/)
  assert.equal(rendered.notes.length, 1)
  assert.match(rendered.notes[0] ?? '', /^"docker\.io" and "docker\.io\/" have the same directory certs\.d\/docker\.io: .*random/)
})

test('a key that is certs.d itself gets a note', () => {
  const rendered = render('mirrors: {"": {endpoint: [m.example.com]}}')
  assert.deepEqual([...rendered.files.keys()], ['certs.d/hosts.toml', 'config.toml'])
  assert.match(rendered.notes.join(), /is certs\.d itself/)
})

const refused: Readonly<Record<string, string>> = {
  'a key that leaves certs.d': 'mirrors: {"..": {endpoint: [m.example.com]}}',
  'a path that leaves certs.d': 'mirrors: {"a/../../x": {endpoint: [m.example.com]}}',
  'a name that no directory can have': `mirrors: {"${'a'.repeat(256)}": {endpoint: [m.example.com]}}`,
  'a directory where a file has to be': 'mirrors: {"a": {endpoint: [m.example.com]}, "a/hosts.toml": {endpoint: [m.example.com]}}',
  'a rewrite of more than 64 KiB': `mirrors: {docker.io: {endpoint: [m.example.com], rewrite: {"^a": "${'x'.repeat(65_536)}"}}}`,
  'a password of more than 64 KiB': `configs: {a.example.com: {auth: {password: "${'x'.repeat(65_536)}"}}}`,
}

for (const [name, text] of Object.entries(refused)) {
  test(`${name} is rejected`, () => {
    assert.throws(() => render(text), { code: 'INVALID_CONFIG' })
  })
}

test('messages mask the user and password of a key', () => {
  assert.throws(
    () => render('mirrors: {"../user:s3cret@x": {endpoint: [m.example.com]}}'),
    (error: Error) => !error.message.includes('s3cret') && error.message.includes('***@'),
  )
  const ignored = describeIgnored(registriesOf('mirrors: {docker.io: {endpoint: ["https://user:s3 cret@m.example.com:x"]}}'), {})
  assert.match(ignored.join(), /^Ignoring invalid endpoint URL 0=https:\/\/\*\*\*@m\.example\.com:x for docker\.io: /)
})

test('a log line has the ignored endpoint as it is written, with an index that counts the embedded registry', () => {
  const registries = registriesOf(
    'mirrors: {docker.io: {endpoint: [good.example.com, "b ad", good.example.com]}, "localhost:5000": {endpoint: ["c d"]}}',
  )
  const lines = (embeddedRegistry: boolean) => describeIgnored(registries, { embeddedRegistry }).map((line) => line.replace(/: [^:]*$/, ''))
  assert.deepEqual(lines(false), [
    'Ignoring invalid endpoint URL 1=b ad for docker.io',
    'Skipping duplicate endpoint URL 2=good.example.com for docker.io',
    'Ignoring invalid endpoint URL 0=c d for localhost:5000',
  ])
  assert.deepEqual(lines(true), [
    'Ignoring invalid endpoint URL 2=b ad for docker.io',
    'Skipping duplicate endpoint URL 3=good.example.com for docker.io',
    'Ignoring invalid endpoint URL 0=c d for localhost:5000',
  ])
})

test('a note names files that containerd cannot read, which are rendered as K3s writes them', () => {
  const quote = render('mirrors: {docker.io: {endpoint: [m.example.com], rewrite: {"^a": "b\\"c"}}}')
  assert.match(quote.files.get('certs.d/docker.io/hosts.toml') ?? '', /"\^a" = "b"c"/)
  assert.match(quote.notes.join(), /^K3s writes certs\.d\/docker\.io\/hosts\.toml like this, but it is invalid TOML.* ignores it/)
  const control = render('configs: {a.example.com: {auth: {password: "a\\x01"}}}')
  assert.match(control.files.get('config.toml') ?? '', /password = "a\\x01"/)
  assert.match(control.notes.join(), /^K3s writes config\.toml like this, but .*: containerd does not start$/)
  const ipv6 = 'mirrors: {docker.io: {endpoint: ["http://[::1]:5000"]}}'
  assert.deepEqual(render(ipv6).notes, [])
  assert.match(render(ipv6, { version: 2 }).notes.join(), /containerd 1 does not support brackets/)
})

test('the settings of the embedded registry override those of the file', () => {
  const text = 'mirrors: {docker.io: {}}\nconfigs: {"127.0.0.1:6443": {auth: {username: u}}}'
  assert.match(render(text).files.get('config.toml') ?? '', /username/)
  assert.doesNotMatch(render(text, { flags: { embeddedRegistry: true } }).files.get('config.toml') ?? '', /username/)
})

test('the whole config.toml of both versions contains the values of a node', () => {
  const full = {
    containerdOpt: '/opt"x',
    selinux: true,
    userNamespace: true,
    pauseImage: 'r.example.com/pause:1',
    cniBinDir: '/bin dir',
    cniConfDir: '',
    root: '/root dir',
    state: '/state dir',
  }
  for (const version of [2, 3] as const) {
    const text = render('', { version, full }).files.get('config.toml') ?? ''
    for (const line of [
      'root = "/root dir"',
      'state = "/state dir"',
      '  address = "/state dir/containerd.sock"',
      '  path = "/opt\\"x"',
      '  enable_selinux = true',
      '  disable_cgroup = true',
      '  disable_apparmor = true',
      '  restrict_oom_score_adj = true',
      '  SystemdCgroup = false',
      version === 3 ? '  sandbox = "r.example.com/pause:1"' : '  sandbox_image = "r.example.com/pause:1"',
      version === 3 ? '  bin_dirs = ["/bin dir"]' : '  bin_dir = "/bin dir"',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
    }
    assert.doesNotMatch(text, /conf_dir/)
    const without = render('', { version, full: { pauseImage: '', flannel: false } }).files.get('config.toml') ?? ''
    assert.doesNotMatch(without, /sandbox|cni|disable_cgroup/)
    assert.match(without, /SystemdCgroup = true/)
  }
})

test('every registry of the table has its file, for any names', () => {
  const host = fc.stringMatching(/^[a-z0-9.:/_-]{1,20}$/)
  fc.assert(
    fc.property(fc.uniqueArray(host, { maxLength: 5 }), (names) => {
      const mirror = { endpoints: ['https://m.example.com'], rewrites: new Map<string, string>() }
      const registries: Registries = { mirrors: new Map(names.map((name) => [name, mirror])), configs: new Map() }
      let rendered: RenderedConfig
      try {
        rendered = renderK3s(registries, { version: 3 })
      } catch (error) {
        assert.ok(
          names.some((name) => name.includes('..')),
          String(error),
        )
        return
      }
      const collisions = rendered.notes.filter((note) => note.includes('have the same directory')).length
      assert.equal(rendered.files.size, buildHostTable(registries).hosts.size - collisions + 1)
      for (const path of rendered.files.keys()) assert.match(path, /^config\.toml$|^certs\.d\/(?:(?!\.\.?\/)[^/]+\/)*hosts\.toml$/)
    }),
  )
})
