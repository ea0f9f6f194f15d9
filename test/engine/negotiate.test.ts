import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { Engine } from '../../src/engine/engine.ts'
import type { EngineScript } from '../servers/engine-script.ts'
import { startScriptedEngine } from '../servers/scripted-engine.ts'

/** Opens an Engine of this script, gives what is known of it, and the versions that its requests named. */
async function open(
  script: EngineScript,
): Promise<{ readonly facts: Engine['facts']; readonly versions: readonly (string | undefined)[] }> {
  await using server = await startScriptedEngine(script)
  using engine = await Engine.open({
    address: { kind: 'socket', path: server.socket },
    name: server.host,
    timeout: 5000,
    silence: 5000,
    restart: 10,
  })
  await engine.list()
  return { facts: engine.facts, versions: [...new Set(server.requests.map(({ version }) => version))] }
}

// F143
test('the version that both sides know is spoken', async () => {
  assert.deepEqual((await open({ apiVersion: '1.41' })).versions, [undefined, '1.41'])
  assert.deepEqual((await open({ apiVersion: '1.99', minApiVersion: '1.44' })).versions, [undefined, '1.51'])
})

// F143
test('an Engine that is too old or too new is refused in one sentence', async () => {
  await assert.rejects(open({ apiVersion: '1.30' }), {
    code: 'UNSUPPORTED',
    message: /is too old: its API is 1\.30, but 1\.32 is required$/,
  })
  await assert.rejects(open({ apiVersion: '2.10', minApiVersion: '2.0' }), {
    code: 'UNSUPPORTED',
    message: /is too new: it requires API 2\.0/,
  })
})

test('rejects a server that reports no version', async () => {
  await assert.rejects(
    open({
      overrides: {
        version: (_, response) => {
          response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
        },
      },
    }),
    { code: 'PROTOCOL', message: /is not a Docker Engine/ },
  )
})

test('recognises a server that expects TLS, and one that is not an Engine', async () => {
  const answering = (status: number, body: string) => ({
    overrides: { version: (_: unknown, response: ServerResponse) => void response.writeHead(status).end(body) },
  })
  await assert.rejects(open(answering(400, 'Client sent an HTTP request to an HTTPS server.\n')), {
    code: 'ENGINE_UNAVAILABLE',
    message: /requires TLS/,
  })
  await assert.rejects(open(answering(404, '404 page not found')), { code: 'PROTOCOL', message: /is not a Docker Engine/ })
})

test('recognises the image store by its driver, and which pushes may name a platform', async () => {
  const classic = (await open({ apiVersion: '1.47', info: { DockerRootDir: '/var/lib/docker' } })).facts
  assert.deepEqual(classic, {
    apiVersion: '1.47',
    store: 'classic',
    platform: { os: 'linux', architecture: 'amd64' },
    dataDirectory: '/var/lib/docker',
    canChoosePushed: false,
    canPushFromIndex: true,
  })
  assert.equal((await open({ store: 'containerd', apiVersion: '1.47' })).facts.canChoosePushed, true)
  const older = (await open({ store: 'containerd', apiVersion: '1.43' })).facts
  assert.deepEqual([older.store, older.canChoosePushed, older.canPushFromIndex], ['containerd', false, false])
})

test('the variant of a 32-bit Arm Engine is that of its machine', async () => {
  const arm = async (info: Readonly<Record<string, unknown>>) =>
    (
      await open({
        info,
        overrides: {
          version: (_, response) =>
            void response.end(JSON.stringify({ ApiVersion: '1.41', MinAPIVersion: '1.12', Os: 'linux', Arch: 'arm' })),
        },
      })
    ).facts.platform
  assert.deepEqual(await arm({ Architecture: 'armv6l' }), { os: 'linux', architecture: 'arm', variant: 'v6' })
  assert.deepEqual(await arm({ Architecture: 'armv7l' }), { os: 'linux', architecture: 'arm', variant: 'v7' })
  assert.deepEqual(await arm({ Architecture: 'aarch64' }), { os: 'linux', architecture: 'arm' })
})
