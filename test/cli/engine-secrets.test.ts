import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRegistryAuth } from '../../src/engine/engine-login.ts'
import { dockerImage } from '../engine/docker-image.ts'
import type { EngineOverride } from '../servers/engine-script.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { runCli } from '../servers/run-cli.ts'
import { startScriptedEngine } from '../servers/scripted-engine.ts'
import { basicGate } from './one-image.ts'

const password = 'c4nary-p4ss'

/** Mirrors an image through an Engine that answers pushes like this, to a registry with a password. */
async function push(answer: (auth: string) => { readonly status: number; readonly body: string }, env: Readonly<Record<string, string>>) {
  await using registry = await memoryRegistry(basicGate(`robot:${password}`))
  const seen: string[] = []
  const override: EngineOverride = (request, response) => {
    const auth = request.registryAuth ?? ''
    seen.push(auth)
    const { status, body } = answer(auth)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }
  await using engine = await startScriptedEngine({
    platforms: { 'docker.io/acme/app:1': [{ os: 'linux', architecture: 'amd64' }] },
    onPull: ({ platform }) => dockerImage(platform).pulled,
    overrides: { push: override },
  })
  const args = ['mirror', 'docker.io/acme/app:1', '--to', registry.url, '--via', 'docker', '--docker-host', engine.host]
  const { status, stdout, stderr } = await runCli([...args, '--platform', 'linux/amd64', '--events', '-', '--verbose', '--retries', '0'], {
    env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: password, ...env },
  })
  assert.equal(status, 1, stderr)
  const auth = encodeRegistryAuth({ username: 'robot', password, serveraddress: registry.host })
  assert.deepEqual(new Set(seen), new Set([auth]))
  const shown = stdout + stderr
  for (const secret of [password, auth, auth.replace(/=+$/, ''), Buffer.from(`robot:${password}`).toString('base64')])
    assert.ok(!shown.includes(secret), shown.slice(Math.max(0, shown.indexOf(secret) - 200), shown.indexOf(secret) + 200))
  return shown
}

test('repeats nothing of an Engine that repeats the credentials it was sent', async () => {
  for (const answer of [
    (auth: string) => ({ status: 500, body: JSON.stringify({ message: `unexpected: X-Registry-Auth: ${auth} ${password}` }) }),
    (auth: string) => ({
      status: 200,
      body: `${JSON.stringify({ id: auth, status: 'Pushing', progressDetail: { current: 1, total: 2 } })}\n${JSON.stringify({ error: `denied: ${auth} ${password}` })}\n`,
    }),
    (auth: string) => ({ status: 200, body: `${auth} ${password}\n` }),
  ]) {
    await push(answer, {})
  }
})

test('credentials for an Engine are not printed by the debug output of Node.js', async () => {
  const shown = await push(() => ({ status: 500, body: '{"message":"no"}' }), { NODE_DEBUG: '*' })
  assert.match(shown, /^HTTP \d+: /m)
})
