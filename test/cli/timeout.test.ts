import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryRegistry, type Intercept } from '../servers/memory-registry.ts'
import type { RequestKind } from '../servers/request-kind.ts'
import { runCli } from '../servers/run-cli.ts'
import { rawServer, type RawServer } from '../servers/scripted-server.ts'
import { oneImage, type OneImageOptions } from './one-image.ts'

/** A server that never comes to the end of its answer, in one of several ways. */
function endless(way: 'drips' | 'answers 102 Processing' | 'is silent'): Promise<RawServer> {
  return rawServer((socket) => {
    if (way === 'drips') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    const timer = setInterval(() => {
      if (way !== 'is silent') socket.write(way === 'drips' ? ' ' : 'HTTP/1.1 102 Processing\r\n\r\n')
    }, 200)
    socket.on('close', () => clearInterval(timer))
  })
}

const impatient = ['--timeout', '1', '--retries', '0']

/** The run fails within half a minute where the time-out is a second; without one it would take many minutes. */
async function isGivenUp(args: readonly string[], expected = 6): Promise<void> {
  const { status, stdout, stderr } = await runCli([...args, ...impatient], { timeout: 30_000 })
  assert.equal(status, expected, stderr)
  assert.match(stdout + stderr, /\(TIMEOUT\)/)
}

for (const way of ['drips', 'answers 102 Processing', 'is silent'] as const) {
  test(`--timeout bounds servers of tokens, lists, channels and releases: one that ${way}`, async () => {
    await using server = await endless(way)
    const url = `http://${server.host}`
    await using locked = await memoryRegistry((_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${url}/token"` }).end()
      return true
    })
    await using to = await memoryRegistry()
    const mirror = ['mirror', '--to', to.url]
    await Promise.all([
      isGivenUp([...mirror, 'docker.io/acme/app:1', '--from', `docker.io=${locked.url}`], 1),
      isGivenUp([...mirror, '--images', `${url}/list.txt`]),
      isGivenUp([...mirror, '--release', 'stable', '--channel-url', url]),
      isGivenUp([...mirror, '--release', 'v1.30.1+k3s1', '--artifact-url', url]),
    ])
  })
}

const silentAt =
  (silent: RequestKind): Intercept =>
  ({ kind }) =>
    kind === silent

test('--timeout bounds every request to a registry, the answer to a small upload included', async () => {
  const isGivenUpWhere = async (silent: OneImageOptions): Promise<void> => {
    await using at = await oneImage(silent)
    const { status, stdout, stderr } = await at.run(impatient, { timeout: 30_000 })
    assert.equal(status, 1, stderr)
    assert.match(stdout + stderr, /\(TIMEOUT\)/)
  }
  await Promise.all([
    isGivenUpWhere({ source: silentAt('manifest-head') }),
    isGivenUpWhere({ source: silentAt('blob-get') }),
    isGivenUpWhere({ destination: silentAt('upload-put') }),
    isGivenUpWhere({ destination: silentAt('manifest-put') }),
  ])
})
