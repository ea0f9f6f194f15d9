import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeRegistryAuth, engineLogin } from '../../src/engine/engine-login.ts'

// F158
test('the server is exactly the host and port of the image, and Docker Hub’s old address', () => {
  const basic = { kind: 'basic', username: 'me', password: 'hunter2' } as const
  for (const [origin, serveraddress] of [
    ['https://registry.example.com:5000', 'registry.example.com:5000'],
    ['https://registry.example.com', 'registry.example.com'],
    ['http://127.0.0.1:5000', '127.0.0.1:5000'],
    ['https://registry-1.docker.io', 'https://index.docker.io/v1/'],
  ] as const) {
    assert.deepEqual(engineLogin(basic, origin), { username: 'me', password: 'hunter2', serveraddress })
  }
})

test('tokens have fields of their own, and nothing is an empty object', () => {
  const origin = 'https://r.example'
  assert.deepEqual(engineLogin({ kind: 'identity-token', token: 't', username: 'me' }, origin), {
    username: 'me',
    identitytoken: 't',
    serveraddress: 'r.example',
  })
  assert.deepEqual(engineLogin({ kind: 'registry-token', token: 't' }, origin), { registrytoken: 't', serveraddress: 'r.example' })
  assert.equal(encodeRegistryAuth(engineLogin(undefined, origin)), 'e30=')
})

// F157
test('the header is padded base64url, which is all that an Engine decodes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (username, password) => {
      const text = encodeRegistryAuth({ username, password })
      assert.match(text, /^[A-Za-z0-9_-]*={0,2}$/)
      assert.equal(text.length % 4, 0)
      const wellFormed = JSON.parse(JSON.stringify({ username, password })) as object
      assert.deepEqual(
        JSON.parse(Buffer.from(text, 'base64url').toString('utf8')),
        JSON.parse(Buffer.from(JSON.stringify(wellFormed)).toString()),
      )
    }),
  )
})
