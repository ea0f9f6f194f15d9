import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { memoryRegistry, refuse } from '../servers/memory-registry.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `acme/${name}`)
const references = names.map((name) => `docker.io/${name}:1`)

async function holder() {
  const registry = await memoryRegistry()
  for (const name of names) registry.hold(name, '1', tinyIndex())
  return registry
}

/** One error, one hint and one line of totals, and nothing else. */
function requireOneError({ stdout, stderr }: CliResult, error: RegExp): void {
  const [first = '', second = '', ...more] = stderr.trim().split('\n')
  assert.match(first, error)
  assert.match(second, /^hint: /)
  assert.deepEqual(more, [])
  assert.match(stdout, /^8 images: /)
  assert.doesNotMatch(stdout, /acme/)
}

const answer =
  (status: number, type: string, body: string) =>
  (_request: unknown, response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': type }).end(body)

test('a destination that cannot be used is one error for all images', async () => {
  await using from = await holder()
  const mirror = (to: string, more: readonly string[] = []) =>
    runCli(['mirror', ...references, '--from', `docker.io=${from.url}`, '--to', to, ...more])
  for (const [to, error] of [
    ['http://127.0.0.1:1', /^error: cannot connect to http:\/\/127\.0\.0\.1:1: the connection was refused \(UNREACHABLE\)$/],
    [`https://${from.host}`, /^error: cannot connect to https:\S+: the server does not use TLS \(TLS\)$/],
  ] as const) {
    requireOneError(await mirror(to), error)
  }
  for (const [handler, error] of [
    [answer(404, 'text/html', '<title>Not here</title>'), /is not a registry: GET \/v2\/ returned 404 \(Not here\) \(NOT_FOUND\)$/],
    [answer(200, 'text/html', 'Welcome'), /is not a registry: GET \/v2\/ returned a web page \(PROTOCOL\)$/],
    [answer(403, 'text/plain', 'blocked'), /denies access: GET \/v2\/ returned 403 \(blocked\) \(DENIED\)$/],
    [answer(401, 'text/plain', ''), /refused the request without an authentication challenge .*\(UNAUTHORIZED\)$/],
  ] as const) {
    await using server = await scriptedServer(handler)
    const result = await mirror(server.url)
    assert.equal(result.status, 6)
    requireOneError(result, error)
  }
  const { stdout } = await mirror('http://127.0.0.1:1', ['--output', 'json'])
  const { error, images, totals } = JSON.parse(stdout) as MirrorReport
  assert.deepEqual([error?.code, error?.side, totals.failed], ['UNREACHABLE', 'destination', 8])
  assert.ok(images.every((image) => image.error?.code === 'UNREACHABLE'))
})

test('so is the only source, of a plan, a layout and a bundle too, and the destination of verify', async () => {
  const refused = /^error: cannot connect to http:\/\/127\.0\.0\.1:1: the connection was refused \(UNREACHABLE\)$/
  await using to = await memoryRegistry()
  const from = ['--from', 'docker.io=http://127.0.0.1:1']
  requireOneError(await runCli(['mirror', ...references, ...from, '--to', to.url]), refused)
  requireOneError(await runCli(['mirror', ...references, ...from, '--to', 'oci:layout']), refused)
  requireOneError(await runCli(['plan', ...references, ...from, '--to', to.url]), refused)
  requireOneError(await runCli(['bundle', 'create', 'x.tar', ...references, ...from]), refused)
  requireOneError(await runCli(['verify', ...references, '--to', 'http://127.0.0.1:1']), refused)
})

test('with another source that works, its images are copied', async () => {
  await using from = await holder()
  await using to = await memoryRegistry()
  const sources = ['--from', `docker.io=${from.url}`, '--from', 'quay.io=http://127.0.0.1:1']
  const { status, stdout } = await runCli(['mirror', ...references, 'quay.io/acme/z:1', ...sources, '--to', to.url])
  assert.equal(status, 1)
  assert.match(stdout, /^9 images: 8 copied, 1 failed$/m)
})

test('a registry whose /v2/ is blocked is used all the same', async () => {
  await using from = await holder()
  await using to = await memoryRegistry(({ kind }, response) => {
    if (kind === 'ping') response.writeHead(404, { 'content-type': 'text/html' }).end('blocked')
    return kind === 'ping'
  })
  const { status, stderr } = await runCli(['mirror', ...references, '--from', `docker.io=${from.url}`, '--to', to.url])
  assert.equal(status, 0, stderr)
})

test('a source that blocks /v2/ and refuses the first image is used for the others', async () => {
  await using from = await holder()
  await using to = await memoryRegistry()
  let resolve = (): void => undefined
  const asked = new Promise<void>((settle) => (resolve = settle))
  from.intercept = async ({ kind, path }, response) => {
    if (path.includes('/acme/a/')) return refuse(response, 403, 'DENIED')
    if (kind === 'ping') {
      resolve()
      response.writeHead(404, { 'content-type': 'text/html' }).end('blocked')
      return true
    }
    // No other answer before the failure of the first image.
    await asked
    return undefined
  }
  const { status, stdout, stderr } = await runCli(['mirror', ...references, '--from', `docker.io=${from.url}`, '--to', to.url])
  assert.equal(status, 1, stderr)
  assert.match(stdout, /^8 images: 7 copied, 1 failed$/m)
  assert.match(stderr, /^FAILED docker\.io\/acme\/a:1: cannot (?:look up|read): /m)
})

test('a server of other JSON is named in the failure', async () => {
  await using from = await holder()
  await using server = await scriptedServer(answer(200, 'application/json', '{"tagline":"You Know, for Search"}'))
  const { status, stderr } = await runCli(['mirror', ...references, '--from', `docker.io=${from.url}`, '--to', server.url])
  assert.equal(status, 1)
  assert.match(stderr, /^FAILED all 8 images: 127\.0\.0\.1:\d+ returned an invalid manifest: /m)
  assert.match(stderr, /^ {2}hint: check that http:\/\/127\.0\.0\.1:\d+ is a registry$/m)
})

test('verify prints one problem where all images have the same', async () => {
  await using to = await memoryRegistry()
  const { status, stdout } = await runCli(['verify', ...references, '--to', `${to.url}/empty`])
  assert.equal(status, 4)
  assert.deepEqual(stdout.match(/^problem: .*$/gm), [
    `problem: all 8 images: the tag is missing: ${to.url}/v2/empty: not found (NOT_FOUND)`,
  ])
})

test('--retries 0 leaves out the second round and does not announce it', async () => {
  await using from = await holder()
  await using server = await scriptedServer(answer(503, 'text/plain', 'busy'))
  const { status, stderr } = await runCli([
    'mirror',
    ...references,
    '--from',
    `docker.io=${from.url}`,
    '--to',
    server.url,
    '--retries',
    '0',
  ])
  assert.equal(status, 1)
  assert.match(stderr, /^FAILED all 8 images: .*\(UNAVAILABLE\)$/m)
  assert.doesNotMatch(stderr, /tried again/)
})

test('an unsupported proxy is one error before any request', async () => {
  const { status, stdout, stderr } = await runCli(['mirror', ...references, '--to', 'registry.example.com'], {
    env: { ALL_PROXY: 'socks5://user:s3cret@127.0.0.1:1080' },
  })
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(
    stderr,
    /^error: ALL_PROXY names a socks5:\/\/ proxy, which is unsupported \(INVALID_CONFIG\)\nhint: set ALL_PROXY to http:\/\/<host>:<port> or http:\/\/<user>:<password>@<host>/,
  )
  assert.doesNotMatch(stderr, /s3cret/)
})
