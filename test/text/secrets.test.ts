import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskForeign, maskSecrets, rememberSecret } from '../../src/text/secrets.ts'

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

test('masks each part of a secret that gives it away, however it is written', () => {
  const user = 'robot'
  const long = 'S3cr3t-pä"ss\\w0rd<&>/+xyzQ'
  const token = `Tk9.${'abcdEFGH-1234567890_zyxwVUTS~mnop'.repeat(2)}.99887766554433`
  const jwt = `eyJhbGciOiJSUzI1NiJ9.${base64(JSON.stringify({ sub: 'x', n: Array.from({ length: 900 }, (_, at) => at * 7919) }), 'base64url')}`
  rememberSecret(long, user)
  rememberSecret(token)
  rememberSecret(jwt)
  const header = base64(`${user}:${long}`)
  const each = (text: string, write: (character: string) => string): string => Array.from(text, write).join('')
  const bytes = (text: string, before: string, between = ''): string =>
    Array.from(Buffer.from(text), (byte) => before + byte.toString(16).padStart(2, '0')).join(between)
  const code = (character: string, radix = 10): string => (character.codePointAt(0) ?? 0).toString(radix)
  const forms: readonly ((text: string) => string)[] = [
    (text) => text.slice(1),
    (text) => text.slice(5),
    (text) => text.slice(3, -3),
    (text) => bytes(text, ''),
    (text) => bytes(text, '').toUpperCase(),
    (text) => bytes(text, '', ' '),
    (text) => bytes(text, '', ':'),
    (text) => bytes(text, '', '-'),
    (text) => bytes(text, '\\x'),
    (text) => bytes(text, '%'),
    (text) => bytes(text, '%25'),
    (text) => encodeURIComponent(encodeURIComponent(text)),
    (text) => base64(text),
    (text) => base64(`x${text}`),
    (text) => base64(`Basic ${text}`),
    (text) => base64(`Bearer ${text}`, 'base64url'),
    (text) => base64(JSON.stringify({ auth: [text] })),
    (text) => base64(text).replace(/.{8}/g, '$&\n'),
    (text) => text.replace(/.{5}/gu, '$&\n'),
    (text) => each(text, (character) => `${character} `),
    (text) => each(text, (character) => `${character}\u200b`),
    (text) => each(text, (character) => `\u00ad${character}`),
    (text) => each(text, (character) => `&#${code(character)}`),
    (text) => each(text, (character) => `&#x000000${code(character, 16)};`),
    (text) => each(text, (character) => `\\u{${code(character, 16)}}`),
    (text) => each(text, (character) => `%26%23${code(character)};`),
  ]
  for (const secret of [long, header, token, jwt]) {
    for (const form of forms) {
      const written = form(secret)
      const shown = maskForeign(`before "${written}" after`)
      assert.match(shown, /^before "[^]*\*\*\*[^]*" after$/)
      // what is left are the edges, where a form depends on what stands around it
      assert.ok(shown.length < 'before "***" after'.length + 30 && shown.length < written.length + 18, `${String(form)}: ${shown}`)
    }
  }
})

test('shows the public parts of a key file, and no line of its key', () => {
  const line = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj'
  const project = 'acme-production-123456'
  rememberSecret(JSON.stringify({ project_id: project, private_key: `-----BEGIN-----\n${line}\n` }), '_json_key')
  assert.equal(maskForeign(`no access to ${project}`), `no access to ${project}`)
  assert.equal(maskForeign(`bad key ${line.slice(9, 40)} in it`), 'bad key *** in it')
})

test('masks the header of a password too short to be looked for', () => {
  rememberSecret('pw', 'carol')
  assert.equal(maskForeign(`got ${base64('carol:pw')}`), 'got ***=')
})

test('forgets no password for the tokens that follow it', () => {
  for (let count = 0; count < 60; count++) rememberSecret(base64(String(count).padStart(4, '0').repeat(1500)))
  assert.equal(maskForeign('hunter is wrong'), '*** is wrong')
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

test('keeps sentences, and words that are passwords where the text is our own', () => {
  for (const text of [
    'ask the administrator of the registry to allow Basic or Bearer',
    'requires a Bearer token, but its challenge has no realm',
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
  for (const part of [
    'basic ',
    'basic+',
    'eyJ',
    '%41',
    '&#x41;',
    '\\u0041',
    '%2541',
    '&#x',
    '\\u{4',
    'a\u200b',
    'ab:',
    'hunte',
    'opaque-Toke',
    'a',
    ' ',
    '+',
    '\\',
    '%',
    '&',
  ]) {
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
