import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { certificateAuthority } from './certificates.ts'
import { startDockerRegistry } from './docker-registry.ts'
import { plainRequest } from './http-request.ts'
import { requireServer } from './require-server.ts'
import { startTokenServer } from './token-server.ts'

const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

test('a plain registry answers, logs the access and leaves nothing behind', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  let directory: string
  {
    await using registry = await startDockerRegistry()
    directory = registry.rootDirectory
    const { status } = await plainRequest(`${registry.url}/v2/`)
    assert.equal(status, 200)
    assert.ok(existsSync(directory))
    const upload = await plainRequest(`${registry.url}/v2/rancher/x/blobs/uploads/`, { method: 'POST' })
    assert.equal(upload.status, 202)
    assert.ok(upload.headers.location?.startsWith(registry.url), upload.headers.location)
    assert.ok(registry.accessLog.some((line) => line.includes('"GET /v2/ HTTP/1.1" 200')))
  }
  assert.equal(existsSync(directory), false)
})

test('a registry with TLS and htpasswd lets its own users in', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using registry = await startDockerRegistry({ tls: await authority.server(), htpasswd: { ann: 'päss:word', bob: 'b' } })
  const ask = (headers?: Record<string, string>) =>
    plainRequest(`${registry.url}/v2/`, { ca: authority.certificate, ...(headers && { headers }) })
  const refused = await ask()
  assert.equal(refused.status, 401)
  assert.match(refused.headers['www-authenticate'] ?? '', /^Basic /)
  assert.equal((await ask(basic('ann', 'wrong'))).status, 401)
  assert.equal((await ask(basic('ann', 'päss:word'))).status, 200)
  assert.equal((await ask(basic('bob', 'b'))).status, 200)
})

test('a registry with a client authority demands a client certificate', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using registry = await startDockerRegistry({ tls: { ...(await authority.server()), clientCa: authority.certificate } })
  await assert.rejects(plainRequest(`${registry.url}/v2/`, { ca: authority.certificate }))
  const client = await authority.client()
  const { status } = await plainRequest(`${registry.url}/v2/`, { ca: authority.certificate, ...client })
  assert.equal(status, 200)
})

test('a registry with token auth believes the token server', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { ann: 'secret' }, refreshTokens: { 'identity-1': 'ann' } })
  await using registry = await startDockerRegistry({ token: tokens.trust })
  const upload = (token?: string) =>
    plainRequest(`${registry.url}/v2/rancher/x/blobs/uploads/`, {
      method: 'POST',
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    })
  const challenge = (await upload()).headers['www-authenticate'] ?? ''
  // the registry gives the actions in any order
  assert.match(
    challenge,
    new RegExp(`^Bearer realm="${tokens.realm}",service="registry.test",scope="repository:rancher/x:(pull,push|push,pull)"`),
  )

  const query = `${tokens.realm}?service=registry.test&scope=repository:rancher/x:pull,push`
  const tokenOf = async (response: Promise<{ readonly body: Buffer }>): Promise<string> =>
    (JSON.parse((await response).body.toString()) as { token: string }).token
  assert.equal((await upload(await tokenOf(plainRequest(query)))).status, 401, 'anonymous clients may only pull')
  assert.equal((await plainRequest(query, { headers: basic('ann', 'wrong') })).status, 401)
  assert.equal((await upload(await tokenOf(plainRequest(query, { headers: basic('ann', 'secret') })))).status, 202)
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: 'identity-1',
    service: 'registry.test',
    scope: 'repository:rancher/x:pull,push',
  })
  assert.equal((await upload(await tokenOf(plainRequest(tokens.realm, { method: 'POST', body: form.toString() })))).status, 202)
  tokens.settings.lifetime = -120
  assert.equal((await upload(await tokenOf(plainRequest(query, { headers: basic('ann', 'secret') })))).status, 401, 'an ended token')

  assert.deepEqual(
    tokens.requests.map((request) => request.grant),
    ['anonymous', 'refused', 'basic', 'refresh_token', 'basic'],
  )
  assert.deepEqual(tokens.requests[3]?.scopes, ['repository:rancher/x:pull,push'])
})

test('a read-only registry refuses uploads', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry({ readOnly: true })
  const { status } = await plainRequest(`${registry.url}/v2/rancher/x/blobs/uploads/`, { method: 'POST' })
  assert.equal(status, 405)
})
