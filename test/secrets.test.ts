import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskForeign, maskSecrets, rememberSecret } from '../src/secrets.ts'

const password = 'c4nary "pass\\w/é+='
rememberSecret(password, 'alice')
rememberSecret('hunter', 'bob')
rememberSecret('opaque-Token-4711')
const base64 = (text: string, encoding: BufferEncoding = 'base64'): string => Buffer.from(text).toString(encoding)

test('masks a password in every form in which a server may repeat it', () => {
  const escaped = Array.from(password, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  const references = Array.from(password, (character) => `&#${character.charCodeAt(0)};`).join('')
  for (const form of [
    password,
    password.toUpperCase(),
    escaped,
    references,
    encodeURIComponent(password),
    new URLSearchParams({ password }).toString(),
    base64(password),
    base64(`alice:${password}`),
    base64(`alice:${password}`, 'base64url'),
    base64(`alice:${password}`).toLowerCase(),
    'opaque-Token-4711',
    'opaque-Token-4',
    `https://opaque-token-4711.example.com/${encodeURIComponent(password)}`,
  ]) {
    for (const mask of [maskSecrets, maskForeign]) {
      const shown = mask(`before ${form} after`)
      assert.match(shown, /^before \S*\*\*\*\S* after$/, form)
      assert.ok(!shown.includes(form), form)
    }
  }
})

test('masks what has the form of credentials, whosever they are', () => {
  for (const [text, shown] of [
    ['Authorization: Basic dXNlcjpwYXNzd29yZA== end', 'Authorization: Basic *** end'],
    ['{"Authorization":["Bearer abc123.def-456"]}', '{"Authorization":["Bearer ***"]}'],
    ['/v2/Basic%20dXNlcjpwYXNz', '/v2/Basic%20***'],
    ['basic+dXNlcjpwYXNz', 'basic+***'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln is bad', 'token *** is bad'],
    ['X-Registry-Auth: eyJ1c2VybmFtZSI6InUifQ==', 'X-Registry-Auth: ***'],
  ] as const) {
    assert.equal(maskSecrets(text), shown)
    assert.equal(maskForeign(text), shown)
  }
})

test('leaves sentences alone, and words that are passwords where the text is our own', () => {
  for (const text of [
    'Basic and Bearer are. Ask the administrator of the registry to allow one of them.',
    'asks for a Bearer token, but its challenge has no realm',
    'Bearer realm="https://auth.example.com/token",service="registry"',
    'Basic username/password authentication is required',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '100% of C:\\directory&more',
  ]) {
    assert.equal(maskSecrets(text), text)
    assert.equal(maskForeign(text), text)
  }
  assert.equal(maskSecrets('cannot read docker.io/hunter/app:1'), 'cannot read docker.io/hunter/app:1')
  assert.equal(maskForeign('hunter is wrong'), '*** is wrong')
})

test('takes time that is linear in the text', () => {
  for (const part of ['basic ', 'basic+', 'eyJ', '%41', '&#x41;', '\\u0041', 'hunte', 'opaque-Toke', 'a', ' ', '+', '\\', '%', '&']) {
    const microseconds = (length: number): number => {
      const text = `basic${part.repeat(length / part.length)}`
      const before = process.cpuUsage()
      maskForeign(text)
      return process.cpuUsage(before).user
    }
    microseconds(20_000)
    assert.ok(microseconds(400_000) < 60 * Math.max(microseconds(40_000), 10_000), part)
  }
})
