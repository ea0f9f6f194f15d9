import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildHostTable } from '../../../src/registries-yaml/hosts/host-table.ts'
import type { K3sFlags } from '../../../src/registries-yaml/hosts/k3s-flags.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'

/** The table of a file: for each host the endpoints' URLs, with the key of their settings, and `default` behind the last. */
function tableOf(text: string, flags: K3sFlags = {}) {
  const parsed = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(parsed.problems, [])
  const { hosts, ignored } = buildHostTable(parsed.registries, flags)
  const shown = (url: string | undefined, key: string | undefined, rewrites: number) =>
    [url ?? 'nameless', ...(key === undefined ? [] : [`(${key})`]), ...(rewrites > 0 ? ['rewritten'] : [])].join(' ')
  return {
    hosts: Object.fromEntries(
      [...hosts].map(([name, { default: own, endpoints }]) => [
        name,
        [
          ...endpoints.map(({ url, found, rewrites }) => shown(url, found.key, rewrites.size)),
          ...(own === undefined ? [] : [`default ${shown(own.url, own.found.key, own.rewrites.size)}`]),
        ],
      ]),
    ),
    ignored: ignored.map(({ kind, key, index }) => `${kind} ${key} ${index ?? ''}`.trimEnd()),
  }
}

const hosts = (text: string, flags?: K3sFlags) => tableOf(text, flags).hosts
const noDefault: K3sFlags = { disableDefaultEndpoint: true }
const hub = 'https://registry-1.docker.io/v2'

test('endpoints get the settings of exactly their own host and port', () => {
  const text = (key: string) =>
    `mirrors: {docker.io: {endpoint: ["https://r.example.com:5000"]}}\nconfigs: {"${key}": {tls: {ca_file: /ca}}}`
  const endpointOf = (key: string) => hosts(text(key))['docker.io']?.[0]
  assert.equal(endpointOf('r.example.com:5000'), 'https://r.example.com:5000/v2 (r.example.com:5000)')
  for (const key of ['r.example.com', 'R.example.com:5000', 'https://r.example.com:5000', '*', 'docker.io', 'r.example.com:5000/'])
    assert.equal(endpointOf(key), 'https://r.example.com:5000/v2', key)
})

test("Docker Hub's settings are under either name, and registry-1.docker.io takes precedence", () => {
  const both = 'configs: {docker.io: {auth: {username: a}}, registry-1.docker.io: {auth: {username: b}}}'
  assert.deepEqual(hosts(`mirrors: {docker.io: {endpoint: [https://registry-1.docker.io, https://x]}}\n${both}`)['docker.io'], [
    `${hub} (registry-1.docker.io)`,
    'https://x/v2',
    `default ${hub} (docker.io)`,
  ])
  assert.deepEqual(hosts('mirrors: {docker.io: {endpoint: [x, docker.io]}}\nconfigs: {registry-1.docker.io: {auth: {}}}')['docker.io'], [
    'https://x/v2',
    `default ${hub} (registry-1.docker.io)`,
  ])
})

test('the wildcard has no settings, and an empty mirror exempts no registry', () => {
  const text = 'mirrors: {"*": {endpoint: [https://m]}, quay.io: }\nconfigs: {"*": {tls: {insecure_skip_verify: true}}, docker.io: }'
  assert.deepEqual(hosts(text), { _default: ['https://m/v2', 'default '] })
  assert.deepEqual(hosts(text, noDefault), { _default: ['https://m/v2'] })
  assert.deepEqual(hosts('configs: {"*": {tls: {ca_file: /ca}}}'), { _default: ['default nameless (*)'] })
})

test('the flag removes the default endpoint, unless the mirror is also a key of configs', () => {
  const mirror = 'mirrors: {docker.io: {endpoint: [x]}}'
  assert.deepEqual(hosts(mirror, noDefault), { 'docker.io': ['https://x/v2'] })
  assert.deepEqual(hosts(`${mirror}\nconfigs: {docker.io: }`, noDefault), { 'docker.io': ['https://x/v2', `default ${hub} (docker.io)`] })
  assert.deepEqual(hosts('mirrors: {docker.io: }', noDefault), {})
})

test('a last endpoint that equals the default replaces it, with its rewrites', () => {
  const rewrite = 'rewrite: {"^a": b}'
  assert.deepEqual(hosts(`mirrors: {docker.io: {endpoint: [x, docker.io], ${rewrite}}}`)['docker.io'], [
    'https://x/v2 rewritten',
    `default ${hub} rewritten`,
  ])
  assert.deepEqual(hosts(`mirrors: {docker.io: {endpoint: [docker.io, x], ${rewrite}}}`)['docker.io'], [
    `${hub} rewritten`,
    'https://x/v2 rewritten',
    `default ${hub}`,
  ])
  // the last one is a duplicate, so that the first stays where it is
  assert.deepEqual(hosts('mirrors: {docker.io: {endpoint: [docker.io, x, docker.io]}}')['docker.io'], [
    hub,
    'https://x/v2',
    `default ${hub}`,
  ])
})

test('invalid and duplicate endpoints are ignored, and so is an invalid key with everything below it', () => {
  assert.deepEqual(tableOf('mirrors: {a: {endpoint: [x, "x:port", https://x/v2]}, "b c": {endpoint: [y]}}\nconfigs: {"d e": {auth: {}}}'), {
    hosts: { a: ['https://x/v2', 'default https://a/v2'] },
    ignored: ['invalid-host d e', 'invalid-endpoint a 1', 'duplicate-endpoint a 2', 'invalid-host b c'],
  })
})

test('the embedded registry is the first endpoint except for localhost, without rewrites and with its own settings', () => {
  const own = 'https://127.0.0.1:6443/v2 (127.0.0.1:6443)'
  const text =
    'mirrors: {docker.io: {endpoint: [x], rewrite: {"^a": b}}, "localhost:5000": {endpoint: [y]}}\nconfigs: {"127.0.0.1:6443": {auth: {username: u}}}'
  assert.deepEqual(hosts(text, { embeddedRegistry: true }), {
    '127.0.0.1:6443': [`default ${own}`],
    'docker.io': [own, 'https://x/v2 rewritten', `default ${hub}`],
    'localhost:5000': ['https://y/v2', 'default http://localhost:5000/v2'],
  })
  assert.deepEqual(Object.keys(hosts('', { embeddedRegistry: true })), ['127.0.0.1:6443'])
})
