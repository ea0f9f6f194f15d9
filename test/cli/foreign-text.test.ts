import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tinyIndex } from '../layout/tiny-image.ts'
import { memoryRegistry, type Intercept, type MemoryRegistry } from '../servers/memory-registry.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { rawServer, scriptedServer } from '../servers/scripted-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { basicGate } from './one-image.ts'

const password = 'c4nary-p4ss'
const header = `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`
const token = 'c4nary-opaque-token'
const login = { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: password }

type Answer = readonly [status: number, headers: Readonly<Record<string, string>>, body?: string]

/** Where an answer may repeat what it was sent. */
const echoes: Readonly<Record<string, Answer>> = {
  errors: [403, {}, JSON.stringify({ errors: [{ code: 'DENIED', message: `got ${header}`, detail: { password, user: 'robot' } }] })],
  text: [500, { 'content-type': 'text/plain' }, `Authorization: ${header}\nX-Password: ${password}`],
  page: [502, { 'content-type': 'text/html' }, `<html><title>${header} ${password}</title></html>`],
  xml: [400, { 'content-type': 'application/xml' }, `<Error><Message>${password} ${header}</Message></Error>`],
  nested: [400, {}, JSON.stringify({ error: { reason: [{ msg: `Authorization=${header}` }], request: { headers: [header] } } })],
  codes: [400, {}, JSON.stringify({ errors: [{ code: header, message: password.toUpperCase() }] })],
  redirect: [302, { location: `http://${password}.example.test/${encodeURIComponent(header)}` }],
  upload: [202, { location: `http://169.254.1.1/${encodeURIComponent(header)}/${password}` }],
  forbidden: [307, { location: `http://${password}.metadata.google.internal./x` }],
  type: [200, { 'content-type': `${header};${password}`, 'docker-content-digest': `sha256:${password}` }, '{"schemaVersion":2}'],
  json: [200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, header],
  quota: [429, { 'retry-after': password, 'x-reason': header }, JSON.stringify({ message: header })],
}

async function registryFor(names: readonly string[], intercept?: Intercept): Promise<MemoryRegistry> {
  const registry = await memoryRegistry(intercept)
  for (const name of names) registry.hold(`acme/${name}`, '1', tinyIndex())
  return registry
}

function requireNone(...texts: readonly string[]): void {
  for (const text of texts) assert.doesNotMatch(text, /c4nary|Y?zRuYXJ5|robot:|(?:Basic|Bearer)(?:[ +]|%20)+(?!\*\*\*)\S{12}/i)
}

/** Runs a command with every output it has, none of which may hold a secret. */
async function runWithOutputs(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliResult> {
  await using directory = await tempDir()
  const files = args[0] === 'mirror' ? ['report', 'events'] : ['report']
  const outputs = files.flatMap((name) => [`--${name}`, join(directory.path, name)])
  const result = await runCli([...args, ...outputs, '--verbose', '--retries', '0'], { env })
  requireNone(result.stdout, result.stderr, ...(await Promise.all(files.map((name) => readFile(join(directory.path, name), 'utf8')))))
  return result
}

test('prints no secret that a registry echoes, anywhere in its answer and in any output', async () => {
  const names = Object.keys(echoes)
  await using source = await registryFor(names)
  const gate = basicGate(`robot:${password}`)
  await using destination = await memoryRegistry(({ path, ...request }, response) => {
    if (gate({ path, ...request }, response) === true) return true
    const echo = echoes[/\/acme\/([a-z]+)\//.exec(path)?.[1] ?? '']
    if (echo === undefined) return false
    response.writeHead(echo[0], echo[1]).end(echo[2])
    return true
  })
  const images = names.map((name) => `docker.io/acme/${name}:1`)
  const mirrored = await runWithOutputs(
    ['mirror', ...images, '--from', `docker.io=${source.url}`, '--to', destination.url, '--output', 'json'],
    login,
  )
  assert.equal(mirrored.status, 1, mirrored.stderr)
  assert.equal(new Set(mirrored.stderr.match(/(?<=^(?:FAILED | {2}))docker\.io\S+\d/gm)).size, names.length, mirrored.stderr)
  for (const output of ['text', 'junit', 'markdown']) {
    const verified = await runWithOutputs(['verify', ...images, '--to', destination.url, '--output', output], login)
    assert.notEqual(verified.status, 0, verified.stderr)
  }
})

test('prints no secret from a challenge', async () => {
  await using source = await registryFor(['app'])
  for (const challenge of [
    `${password} realm="x"`,
    `${header.replace(' ', '-')} realm="x"`,
    `Bearer realm="null://host/${header}/${password}"`,
    `Bearer realm="http://169.254.1.1/${encodeURIComponent(header)}/${password}"`,
    `Bearer realm="http://${password}.example.test/${password}"`,
  ]) {
    await using destination = await scriptedServer(
      (_request, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end(),
    )
    const { status } = await runWithOutputs(
      ['mirror', 'docker.io/acme/app:1', '--from', `docker.io=${source.url}`, '--to', destination.url],
      login,
    )
    assert.equal(status, 6)
  }
})

test('prints no secret from a token server, and no token', async () => {
  await using source = await registryFor(['app'])
  for (const [status, answer] of [
    [500, (authorization: string) => `<title>${authorization}</title>`],
    [401, (authorization: string) => JSON.stringify({ details: [authorization, password] })],
    [200, (authorization: string) => authorization],
    [200, () => JSON.stringify({ token })],
  ] as const) {
    await using tokens = await scriptedServer(
      ({ headers }, response) => void response.writeHead(status).end(answer(headers.authorization ?? '')),
    )
    await using destination = await scriptedServer(({ headers }, response) => {
      if (headers.authorization === undefined)
        return void response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}/token",service="x"` }).end()
      return void response.writeHead(307, { location: `http://169.254.1.1/${token}` }).end(token)
    })
    const run = await runWithOutputs(
      ['mirror', 'docker.io/acme/app:1', '--from', `docker.io=${source.url}`, '--to', destination.url],
      login,
    )
    assert.notEqual(run.status, 0, run.stderr)
    assert.ok(tokens.requests.length > 0)
  }
})

test('prints no secret from the answer of a proxy to CONNECT or its error pages', async () => {
  await using source = await registryFor(['app'])
  await using proxy = await rawServer((socket, request) => {
    const [, authorization = ''] = /^proxy-authorization: (.*?)\r?$/im.exec(request.toString()) ?? []
    const body = `Proxy-Authorization: ${authorization} ${authorization.slice(6)} ${password}`
    socket.end(`HTTP/1.1 502 ${authorization} ${password}\r\nX-Echo: ${authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  const url = `http://robot:${password}@${proxy.host}`
  for (const scheme of ['http', 'https']) {
    const { status, stderr } = await runWithOutputs(
      ['mirror', 'docker.io/acme/app:1', '--from', `docker.io=${source.url}`, '--to', `${scheme}://registry.test:5000`],
      { HTTP_PROXY: url, HTTPS_PROXY: url },
    )
    assert.equal(status, 1)
    assert.match(stderr, /502/)
  }
})
