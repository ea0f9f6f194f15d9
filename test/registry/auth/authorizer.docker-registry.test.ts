import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpClient } from '../../../src/http/http-client.ts'
import { createAuthorizer } from '../../../src/registry/auth/authorizer.ts'
import { pullScope, pushScope } from '../../../src/registry/auth/scope.ts'
import { startDockerRegistry } from '../../servers/docker-registry.ts'
import { requireServer } from '../../servers/require-server.ts'
import { startTokenServer } from '../../servers/token-server.ts'
import { alice, alwaysCredentials, canary, sendAuthorized } from './send-authorized.ts'
import { failureOf } from './token-registry.ts'

const upload = '/v2/rancher/a/blobs/uploads/'

test('docker-registry with htpasswd lets the right password in, and is shown a wrong one once', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry({ htpasswd: { alice: canary } })
  const client = new HttpClient()
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  assert.equal((await sendAuthorized(authorizer, client, registry.url + upload, [pushScope('rancher/a')], { method: 'POST' })).status, 202)
  const wrong = createAuthorizer({ client, credentials: [alwaysCredentials({ kind: 'basic', username: 'alice', password: 'wrong' })] })
  const error = await failureOf(sendAuthorized(wrong, client, registry.url + upload, []))
  assert.match(error.message, /refused the credentials sent as user "alice", from the test/)
  await client.close()
})

test('docker-registry with a token server lets users push, identity tokens too, and anyone else pull', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { alice: canary }, refreshTokens: { [`refresh-${canary}`]: 'alice' } })
  await using registry = await startDockerRegistry({ token: tokens.trust })
  const client = new HttpClient()
  const push = (authorizer: ReturnType<typeof createAuthorizer>) =>
    sendAuthorized(authorizer, client, registry.url + upload, [pushScope('rancher/a'), pullScope('rancher/b')], { method: 'POST' })

  assert.equal((await push(createAuthorizer({ client, credentials: [alice] }))).status, 202)
  const identity = alwaysCredentials({ kind: 'identity-token', token: `refresh-${canary}` })
  assert.equal((await push(createAuthorizer({ client, credentials: [identity] }))).status, 202)
  const anonymous = createAuthorizer({ client })
  assert.equal((await sendAuthorized(anonymous, client, `${registry.url}/v2/rancher/a/manifests/1`, [pullScope('rancher/a')])).status, 404)
  const error = await failureOf(push(anonymous))
  assert.match(error.message, /no credentials were found for 127\.0\.0\.1:\d+; looked in no place at all/)
  await client.close()
  assert.deepEqual(
    tokens.requests.map(({ grant }) => grant),
    ['basic', 'refresh_token', 'anonymous', 'anonymous', 'anonymous'],
  )
})
