import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { MirrorError } from '../../src/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { scriptedServer, type ScriptedRequest } from '../servers/scripted-server.ts'
import { openRegistry } from './open-registry.ts'

const image = parseReference('docker.io/acme/app:1')
const denied = JSON.stringify({ errors: [{ code: 'DENIED', message: 'no' }] })

/** Why a server of such answers cannot be used as a destination; undefined where it can. */
async function whyUnusable(
  answer: (request: ScriptedRequest, response: ServerResponse) => void,
  side: 'source' | 'destination' = 'destination',
): Promise<{ readonly error: MirrorError | undefined; readonly requests: readonly string[]; readonly origin: string }> {
  await using server = await scriptedServer(answer)
  await using registry = openRegistry(server.url, { side, retry: { retries: 0 } })
  await registry.headManifest(image).catch(() => undefined)
  const error = await registry.checkAccess([image]).then(
    () => undefined,
    (thrown: unknown) => thrown as MirrorError,
  )
  await registry.checkAccess([image]).catch(() => undefined)
  return { error, requests: server.requests.map(({ method, url }) => `${method} ${url}`), origin: server.url }
}

const pings = (requests: readonly string[]): number => requests.filter((request) => request.endsWith(' /v2/')).length

test('a server that is not a registry is reported with what /v2/ returned', async () => {
  for (const [answer, why, code] of [
    [[404, 'text/plain', 'nothing here'], 'GET /v2/ returned 404 (nothing here)', 'NOT_FOUND'],
    [[200, 'text/html', '<title>Login</title>'], 'GET /v2/ returned a web page', 'PROTOCOL'],
    [[400, 'text/plain', ''], 'GET /v2/ returned 400', 'PROTOCOL'],
  ] as const) {
    const [status, type, body] = answer
    const { error, requests, origin } = await whyUnusable(
      (_request, response) => void response.writeHead(status, { 'content-type': type }).end(body),
    )
    assert.deepEqual([error?.message, error?.code, error?.side], [`${origin} is not a registry: ${why}`, code, 'destination'])
    assert.equal(error?.hint, 'check the host, the port and the scheme (http:// or https://)')
    // One for a challenge, as after any refusal, and one for the verdict, however often that is asked for.
    assert.ok(pings(requests) <= 2, requests.join('\n'))
  }
})

test('a registry that denies everything is reported', async () => {
  const { error, origin } = await whyUnusable((_request, response) => void response.writeHead(403).end(denied))
  assert.deepEqual([error?.message, error?.code], [`${origin} denies access: GET /v2/ returned 403 (DENIED: no)`, 'DENIED'])
})

test('a registry that answers about content can be used, whatever /v2/ returns', async () => {
  const unknown = JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN' }] })
  for (const blocked of [403, 404, 401]) {
    for (const headers of [{ 'content-type': 'text/plain' }, { 'docker-distribution-api-version': 'registry/2.0' }]) {
      const { error, requests } = await whyUnusable(
        ({ url }, response) => void response.writeHead(url === '/v2/' ? blocked : 404, headers).end(unknown),
      )
      assert.equal(error, undefined)
      assert.equal(pings(requests), 0, requests.join('\n'))
    }
  }
})

test('a registry that hides one repository, and lets in at /v2/, can be used', async () => {
  for (const hidden of [401, 403]) {
    const { error } = await whyUnusable(({ url }, response) => void response.writeHead(url === '/v2/' ? 200 : hidden).end('{}'))
    assert.equal(error, undefined)
  }
})

test('a busy registry is not judged', async () => {
  for (const status of [429, 500, 503]) {
    const { error } = await whyUnusable((_request, response) => void response.writeHead(status).end())
    assert.equal(error, undefined)
  }
})

test('a destination whose /v2/ redirects to another registry can be used, and one that redirects to nothing cannot', async () => {
  await using other = await memoryRegistry()
  const redirect =
    (to: string) =>
    ({ method, url }: ScriptedRequest, response: ServerResponse): void =>
      void response.writeHead(method === 'GET' && url === '/v2/' ? 307 : 403, { location: `${to}/v2/` }).end(denied)
  assert.equal((await whyUnusable(redirect(other.url))).error, undefined)
  const { error, origin } = await whyUnusable(redirect('http://127.0.0.1:1'))
  assert.equal(error?.message, `cannot connect to http://127.0.0.1:1: the connection was refused; ${origin} redirected there`)
})

test('answers to other requests in the meantime count', async () => {
  let resolve = (): void => undefined
  const answered = new Promise<void>((settle) => (resolve = settle))
  await using server = await scriptedServer(async ({ url }, response) => {
    if (url === '/v2/') await answered
    response.writeHead(404, url === '/v2/' ? {} : { 'docker-distribution-api-version': 'registry/2.0' }).end()
  })
  await using registry = openRegistry(server.url, { side: 'destination' })
  const access = registry.checkAccess([image])
  assert.equal(await registry.headManifest(image), undefined)
  resolve()
  await access
})

test('a manifest that was read proves access, whatever its headers are', async () => {
  await using server = await scriptedServer(({ url }, response) => {
    if (!url.includes('/manifests/')) return void response.writeHead(404).end()
    const { bytes, descriptor } = tinyImage().root
    response.writeHead(200, { 'content-type': descriptor.mediaType }).end(bytes)
  })
  await using registry = openRegistry(server.url, { side: 'source' })
  await registry.getManifest(image)
  await registry.checkAccess([image])
})

test('where /v2/ is refused, the answers about other images count', async () => {
  await using server = await scriptedServer(({ url }, response) => {
    if (!url.includes('/acme/other/')) return void response.writeHead(url === '/v2/' ? 404 : 403).end()
    const { bytes, descriptor } = tinyImage().root
    response.writeHead(200, { 'content-type': descriptor.mediaType }).end(bytes)
  })
  await using registry = openRegistry(server.url, { side: 'source', retry: { retries: 0 } })
  await assert.rejects(registry.getManifest(image))
  await registry.checkAccess([image, parseReference('docker.io/acme/other:1')])
})
