import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hideValues } from '../../../src/registries-yaml/fix/hide-values.ts'

test('hides values that may be secrets, and keeps lines, names, mirrors and TLS settings', () => {
  const text = `x-login: &login {username: k3s, password: hunter2}
mirrors:
  docker.io: {endpoint: ["https://registry.example.com"]}
configs:
  a: {auth: *login, tls: {ca_file: /ca.crt, insecure_skip_verify: "true"}}
  b:
    auth:
      password: |
        hunter2
        more
      token: "hunter2"
    cert-file: /c.crt
auths: {c: {auth: hunter2}}
`
  const shown = hideValues(text)
  assert.doesNotMatch(shown, /hunter2|more/)
  assert.equal(shown.split('\n').length, text.split('\n').length)
  for (const kept of ['username: k3s', 'https://registry.example.com', '/ca.crt', '"true"', '/c.crt']) assert.ok(shown.includes(kept), kept)
})

test('hides the queries of endpoints and of keys, and keeps the patterns of rewrites', () => {
  const text = `mirrors:
  quay.io?token=hunter2:
    endpoint: "https://m.example.com?token=hunter2"
    rewrite: {"^(?:library|)(.*)": "$1"}
  docker.io:
    endpoint: ['m.example.com/v2?hunter2', https://n.example.com]
configs:
  "m.example.com?token=hunter2": {tls: {ca_file: /ca.crt}}
`
  const shown = hideValues(text)
  assert.doesNotMatch(shown, /hunter2/)
  for (const kept of [
    '"https://m.example.com?***"',
    "['m.example.com/v2?***', https://n.example.com]",
    '"m.example.com?***"',
    '(?:library|)',
  ])
    assert.ok(shown.includes(kept), kept)
})

test('hides every value below configs, whatever its key is', () => {
  const key = fc.constantFrom('auth', 'password', 'token', 'a', 'identity_token', 'password:hunter2')
  const node: fc.Arbitrary<unknown> = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(fc.constantFrom('hunter2', ['hunter2'], null), fc.dictionary(key, tie('node'), { maxKeys: 3 })),
  })).node
  fc.assert(
    fc.property(node, (host) => {
      assert.doesNotMatch(hideValues(JSON.stringify({ configs: { 'a:5000': { auth: host } } })), /hunter2/)
    }),
  )
})
