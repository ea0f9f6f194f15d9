import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basicAuthorization, credentialsForOrigin, describeCredentials, findCredentials } from '../../../src/registry/auth/credentials.ts'
import { alwaysCredentials, canary, decodeBasic } from './send-authorized.ts'
import { failureOf } from './token-registry.ts'

test('uses the first source that has credentials for the registry', async () => {
  const none = { name: 'none', find: () => Promise.resolve(undefined) }
  const first = alwaysCredentials({ kind: 'basic', username: 'a', password: 'b' })
  const second = alwaysCredentials({ kind: 'basic', username: 'c', password: 'd' })
  assert.deepEqual(await findCredentials([none, first, second], 'https://r.example.com'), {
    credentials: { kind: 'basic', username: 'a', password: 'b' },
    source: 'the test',
  })
  assert.equal(await findCredentials([none], 'https://r.example.com'), undefined)
})

test('uses the credentials of the destination only for that exact origin', async () => {
  const { find } = credentialsForOrigin('K3S_MIRROR_USERNAME', 'https://r.example.com:443/', {
    kind: 'basic',
    username: 'a',
    password: 'b',
  })
  assert.ok(await find('https://r.example.com'))
  for (const other of ['http://r.example.com', 'https://r.example.com:5000', 'https://example.com'])
    assert.equal(await find(other), undefined)
})

// G117
test('encodes Basic credentials as UTF-8, with colons in the password', () => {
  assert.equal(decodeBasic(basicAuthorization('jürgen', 'pä:ss:wörd €')), 'jürgen:pä:ss:wörd €')
})

// G117
test('rejects credentials that HTTP cannot carry, without printing them', async () => {
  for (const [username, password] of [
    ['ali:ce', canary],
    ['ali:', ''],
  ] as const) {
    const error = await failureOf(findCredentials([alwaysCredentials({ kind: 'basic', username, password })], 'https://r.example.com:5000'))
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, /^the credentials for r\.example\.com:5000 in the test cannot be used/)
  }
  for (const kind of ['identity-token', 'registry-token'] as const) {
    for (const token of ['', `${canary} x`, `${canary}\r\nx: y`, `${canary}é`]) {
      assert.equal((await failureOf(findCredentials([alwaysCredentials({ kind, token })], 'https://r.example.com'))).code, 'INVALID_CONFIG')
    }
  }
})

test('describes credentials in short, without the secret', () => {
  assert.equal(
    describeCredentials({ credentials: { kind: 'basic', username: 'a\u001b[31m', password: canary }, source: 'x' }),
    String.raw`as user "a\u{1b}[31m", from x`,
  )
  assert.ok(describeCredentials({ credentials: { kind: 'basic', username: 'u'.repeat(5000), password: canary }, source: 'x' }).length < 100)
  assert.equal(
    describeCredentials({ credentials: { kind: 'identity-token', token: canary }, source: 'x' }),
    'with an identity token from x',
  )
})

test('accepts line breaks in a password, and warns about one at its end', async () => {
  const warnings: string[] = []
  const find = (password: string) =>
    findCredentials([alwaysCredentials({ kind: 'basic', username: 'alice', password })], 'https://r.example.com', {
      onWarning: (message) => warnings.push(message),
    })
  for (const password of ['{\n"key": "x"\n}', 'a\r\nb', 'a\0b']) assert.equal((await find(password))?.credentials.kind, 'basic')
  assert.deepEqual(warnings, [])
  for (const password of [`${canary}\n`, `${canary}\r`]) assert.ok(await find(password))
  assert.equal(warnings.length, 2)
  for (const warning of warnings) {
    assert.match(warning, /^the password for r\.example\.com in the test ends with a line break/)
    assert.doesNotMatch(warning, new RegExp(canary))
  }
})
