import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { Registries } from '../../../src/registries-yaml/registries.ts'
import { renderLegacy } from '../../../src/registries-yaml/render/legacy.ts'
import type { RenderOptions } from '../../../src/registries-yaml/render/rendered.ts'
import { dumpContainerdConfig } from '../../servers/containerd.ts'
import { requireServer } from '../../servers/require-server.ts'
import { anyRegistries } from './registries.ts'

function registriesOf(text: string): Registries {
  const { registries, problems } = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(problems, [])
  return registries
}

function configOf(registries: Registries, options: RenderOptions = {}): string {
  const { files } = renderLegacy(registries, options)
  assert.deepEqual([...files.keys()], ['config.toml'])
  return files.get('config.toml') ?? ''
}

/** What the registry section has to hold, as plain objects. */
function expected({ mirrors, configs }: Registries): unknown {
  const given = (fields: Readonly<Record<string, string | boolean>>): object =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '' && value !== false))
  const mirrorTables = [...mirrors].map(([key, { endpoints, rewrites }]) => [
    key,
    { endpoint: endpoints, ...(rewrites.size > 0 && { rewrite: Object.fromEntries(rewrites) }) },
  ])
  const configTables = [...configs]
    .filter(([, { auth, tls }]) => auth !== undefined || tls !== undefined)
    .map(([key, { auth, tls }]) => [
      key,
      {
        ...(auth !== undefined && {
          auth: given({ username: auth.username, password: auth.password, auth: auth.auth, identitytoken: auth.identityToken }),
        }),
        ...(tls !== undefined && {
          tls: given({ ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile, insecure_skip_verify: tls.insecureSkipVerify }),
        }),
      },
    ])
  return {
    ...(mirrorTables.length > 0 && { mirrors: Object.fromEntries(mirrorTables) as object }),
    ...(configTables.length > 0 && { configs: Object.fromEntries(configTables) as object }),
  }
}

interface Plugins {
  readonly plugins?: { readonly opt?: object; readonly cri?: { readonly registry?: object } }
}

/** The document with ordinary prototypes. */
function parsed(text: string): Plugins {
  return JSON.parse(JSON.stringify(parse(text))) as Plugins
}

const example = `mirrors:
  docker.io:
    endpoint: ["https://r.example.com:5000", "http://[::1]:5000"]
    rewrite: {'^rancher/(.*)"\\.x]$': 'a"b\\c/$1'}
  "[::1]:5000": {endpoint: ["[::1]:5000"]}
  "*": {}
configs:
  "r.example.com:5000":
    auth: {username: u, password: 'pa$$w"o\\rd', auth: dTpw, identity_token: it}
    tls: {ca_file: 'C:\\ca.crt', cert_file: /c, key_file: /k, insecure_skip_verify: true}
  "[::1]:5000": {auth: {username: 'v"'}}
  none:
`

test('any registries become valid TOML with the same content', () => {
  fc.assert(
    fc.property(anyRegistries, fc.boolean(), (registries, isFull) => {
      const { plugins } = parsed(configOf(registries, isFull ? { full: {} } : {}))
      assert.deepEqual(plugins?.cri?.registry ?? {}, JSON.parse(JSON.stringify(expected(registries))))
      assert.equal(plugins?.opt !== undefined, isFull)
    }),
  )
})

test('the whole file has the sections of the template with the values of the node', () => {
  const { plugins } = parsed(
    configOf(registriesOf(''), {
      full: { containerdOpt: '/o"', selinux: true, userNamespace: true, pauseImage: 'p:1', cniBinDir: '/b', cniConfDir: '/c' },
    }),
  )
  assert.deepEqual(plugins, {
    opt: { path: '/o"' },
    cri: {
      stream_server_address: '127.0.0.1',
      stream_server_port: '10010',
      enable_selinux: true,
      disable_cgroup: true,
      disable_apparmor: true,
      restrict_oom_score_adj: true,
      sandbox_image: 'p:1',
      cni: { bin_dir: '/b', conf_dir: '/c' },
      containerd: { runtimes: { runc: { runtime_type: 'io.containerd.runc.v2' } } },
    },
  })
})

test('the whole file without values describes a default node', () => {
  const text = configOf(registriesOf(''), { full: {} })
  assert.match(text, /^\[plugins\.opt\]\n {2}path = "\/var\/lib\/rancher\/k3s\/agent\/containerd"$/m)
  assert.match(text, /enable_selinux = false/)
  assert.match(text, /^\[plugins\.cri\.cni\]$/m)
  assert.doesNotMatch(text, /sandbox_image|disable_|version/)
  assert.doesNotMatch(configOf(registriesOf(''), { full: { flannel: false } }), /cni/)
})

test('empty registries become an empty document', () => {
  assert.deepEqual(parsed(configOf(registriesOf('configs: {none: }'))), {})
})

test('rewrites are kept with a note, and notes report flags without effect', () => {
  const flags = { embeddedRegistry: true, disableDefaultEndpoint: true }
  const { notes } = renderLegacy(registriesOf(example), { flags })
  assert.equal(notes.length, 3)
  assert.match(notes[0] ?? '', /^mirrors\."docker\.io": only K3s v1\.21 and later applies the rewrite "\^rancher\/\(\.\*\)"\\\.x\]\$"/)
  assert.match(notes[1] ?? '', /^--disable-default-registry-endpoint has no effect/)
  assert.match(notes[2] ?? '', /^--embedded-registry has no effect/)
})

test('a note names a key that containerd cannot read', () => {
  const { notes } = renderLegacy(registriesOf(`mirrors: {"a\\"b'": {}}`))
  assert.deepEqual(notes, [`"a"b'": containerd 1 cannot read this key`])
})

test('containerd with this syntax loads all settings', async (t) => {
  if (!requireServer(t, 'containerd')) return
  const registries = registriesOf(example)
  const full = {
    selinux: true,
    userNamespace: true,
    pauseImage: 'p.example.com/pause:1',
    cniBinDir: '/b',
    cniConfDir: '/c d',
    containerdOpt: '/o',
  }
  for (const options of [{ full }, {}]) {
    const dump = parse(await dumpContainerdConfig(configOf(registries, options))) as { plugins: Record<string, Record<string, unknown>> }
    const cri = JSON.parse(JSON.stringify(dump.plugins['io.containerd.grpc.v1.cri'])) as Record<string, unknown>
    const auth = { username: '', password: '', auth: '', identitytoken: '' }
    const registry = cri['registry'] as Record<string, unknown>
    assert.deepEqual(registry['mirrors'], {
      'docker.io': { endpoint: ['https://r.example.com:5000', 'http://[::1]:5000'] },
      '[::1]:5000': { endpoint: ['[::1]:5000'] },
      '*': { endpoint: [] },
    })
    assert.deepEqual(registry['configs'], {
      'r.example.com:5000': {
        auth: { username: 'u', password: 'pa$$w"o\\rd', auth: 'dTpw', identitytoken: 'it' },
        tls: { ca_file: 'C:\\ca.crt', cert_file: '/c', key_file: '/k', insecure_skip_verify: true },
      },
      '[::1]:5000': { auth: { ...auth, username: 'v"' } },
    })
    if (options.full === undefined) continue
    const {
      stream_server_address,
      stream_server_port,
      enable_selinux,
      disable_cgroup,
      disable_apparmor,
      restrict_oom_score_adj,
      sandbox_image,
    } = cri
    assert.deepEqual(
      [stream_server_address, stream_server_port, enable_selinux, disable_cgroup, disable_apparmor, restrict_oom_score_adj, sandbox_image],
      ['127.0.0.1', '10010', true, true, true, true, 'p.example.com/pause:1'],
    )
    const { bin_dir, conf_dir } = cri['cni'] as Record<string, unknown>
    assert.deepEqual([bin_dir, conf_dir, dump.plugins['io.containerd.internal.v1.opt']?.['path']], ['/b', '/c d', '/o'])
    const { runtimes } = cri['containerd'] as { runtimes: { runc: { runtime_type: string } } }
    assert.equal(runtimes.runc.runtime_type, 'io.containerd.runc.v2')
  }
})
