import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basicAuthorization, repeatsSecret, type Credentials } from '../../../src/registry/auth/credentials.ts'

const password = 'c4nary "pass\\w/é+='
const credentials: Credentials = { kind: 'basic', username: 'alice', password }
const authorization = basicAuthorization('alice', password)
const repeats = (body: string, own: Credentials = credentials, header = authorization): boolean =>
  repeatsSecret(Buffer.from(body), { credentials: own, source: 'the test' }, header)

test('finds a password in every form in which a server may repeat it', () => {
  const bytes = Buffer.from(password)
  const escaped = Array.from(password, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  for (const form of [
    password,
    JSON.stringify({ message: password }),
    `{"message":"${escaped}"}`,
    encodeURIComponent(password),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    authorization,
  ]) {
    assert.equal(repeats(`got ${form} from you`), true, form)
  }
})

test('finds a line of a key file, and a token', () => {
  const key: Credentials = { kind: 'basic', username: '_json_key', password: '{\n "private_key": "-----BEGIN\\nabcdefghij\\n"\n}' }
  assert.equal(repeats('bad key abcdefghij', key, 'Basic x123456789'), true)
  assert.equal(repeats('bad token tok123', { kind: 'registry-token', token: 'tok123' }, 'Bearer tok123'), true)
})

test('lets through what repeats nothing', () => {
  for (const body of ['', 'quota exceeded', '{"errors":[{"code":"DENIED","message":"alice may not push"}]}', '\\']) {
    assert.equal(repeats(body), false, body)
  }
  assert.equal(repeatsSecret(Buffer.from('anything'), undefined, undefined), false)
})
