import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lintRegistries } from '../../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { nearestKey, rightParent } from '../../../src/registries-yaml/rules/unknown-key.ts'

const known = {
  top: ['mirrors', 'configs', 'auths'],
  mirror: ['endpoint', 'rewrite'],
  auth: ['username', 'password', 'auth', 'identity_token'],
  tls: ['ca_file', 'cert_file', 'key_file', 'insecure_skip_verify'],
}
const cases: readonly (readonly [key: string, place: keyof typeof known, expected: string | undefined])[] = [
  ['Mirrors', 'top', 'mirrors'],
  ['mirror', 'top', 'mirrors'],
  ['mirors', 'top', 'mirrors'],
  ['config', 'top', 'configs'],
  ['docker.io', 'top', undefined],
  ['endpoints', 'mirror', 'endpoint'],
  ['enpoint', 'mirror', 'endpoint'],
  ['rewrites', 'mirror', 'rewrite'],
  ['colour', 'mirror', undefined],
  ['user', 'auth', 'username'],
  ['identityToken', 'auth', 'identity_token'],
  ['identitytoken', 'auth', 'identity_token'],
  ['u', 'auth', undefined],
  ['ca', 'tls', 'ca_file'],
  ['caFile', 'tls', 'ca_file'],
  ['cert-file', 'tls', 'cert_file'],
  ['insecureSkipVerify', 'tls', 'insecure_skip_verify'],
  ['a'.repeat(100_000), 'tls', undefined],
]
for (const [key, place, expected] of cases) {
  test(`${key.slice(0, 30)} in ${place} is similar to ${expected ?? 'no known key'}`, () =>
    assert.equal(nearestKey(key, known[place]), expected))
}

test('a known key in the wrong place has a right one', () => {
  assert.deepEqual(rightParent('insecureSkipVerify'), { key: 'insecure_skip_verify', parent: 'under tls' })
  assert.deepEqual(rightParent('auth'), { key: 'auth', parent: 'under configs and the host of a registry' })
  assert.equal(rightParent('colour'), undefined)
  assert.equal(rightParent('constructor'), undefined)
})

test('the predecessor of configs is reported where it has a value that is lost', async () => {
  const rules = async (text: string) => (await lintRegistries(parseRegistries(text, ''), { files: false })).map(({ rule }) => rule)
  for (const text of ['auths: {}\n', 'auths:\n', 'auths: ~\n']) assert.deepEqual(await rules(text), [], text)
  for (const text of ['auths: {r.example.com: {}}\n', 'auth: {}\n']) assert.deepEqual(await rules(text), ['unknown-key'], text)
})
