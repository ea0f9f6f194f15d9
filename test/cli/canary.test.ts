import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { scriptedServer, type ScriptedHandler, type ScriptedServer } from '../servers/scripted-server.ts'
import { makeRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { canary, requireNoCanary } from './secured-destination.ts'

const basic = `Basic ${Buffer.from(`robot:${canary}`).toString('base64')}`
const release = makeRelease({ images: [{ repository: 'rancher/x', tag: '1', kind: 'oci', layers: [{ megabytes: 0.1 }] }] })

/** Answers the GETs and HEADs of one image; `blob` answers for blobs. */
function registryOf({ images: [image] }: SeededRelease, blob: (digest: string) => { readonly location: string } | Buffer): ScriptedHandler {
  return ({ url, method }, response) => {
    const name = url.slice(url.lastIndexOf('/') + 1)
    if (url.includes('/blobs/')) {
      const answer = blob(name)
      if ('location' in answer) return void response.writeHead(307, { location: answer.location }).end()
      return void response.writeHead(200, { 'content-length': answer.length }).end(answer)
    }
    const manifest = name === image?.tag ? image.index : image?.manifests.find(({ digest }) => digest === name)
    if (manifest === undefined) return void response.writeHead(404).end()
    const { mediaType, digest, size, bytes } = manifest
    response.writeHead(200, { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': size })
    response.end(method === 'HEAD' ? undefined : bytes)
  }
}

function blobOf(digest: string): Buffer {
  const blobs = release.images.flatMap(({ manifests }) => manifests.flatMap(({ config, layers }) => [config, ...layers]))
  return blobs.find((blob) => blob.digest === digest)?.content?.() ?? Buffer.alloc(0)
}

/** Mirrors from a registry that docker's config.json has a password for. */
async function mirrorFrom(source: ScriptedServer): Promise<CliResult> {
  await using directory = await tempDir()
  await using to = await startRegistry()
  await directory.write('config.json', JSON.stringify({ auths: { [source.host]: { username: 'robot', password: canary } } }))
  const args = [
    'mirror',
    '--images',
    '-',
    '--from',
    `docker.io=${source.url}`,
    '--to',
    to.url,
    '--events',
    '-',
    '--verbose',
    '--retries',
    '1',
  ]
  const result = await runCli(args, { stdin: release.list, env: { DOCKER_CONFIG: directory.path } })
  requireNoCanary(result.stdout, result.stderr)
  return result
}

function requireIgnorance({ requests }: ScriptedServer): void {
  for (const { url, headers, body } of requests) requireNoCanary(url, JSON.stringify(headers), body.toString())
  assert.ok(requests.every(({ headers }) => headers.authorization === undefined))
}

test('fetches a blob redirected to another host without the password', async () => {
  await using storage = await scriptedServer(({ url }, response) => void response.end(blobOf(url.slice(1))))
  const answer = registryOf(release, (digest) => ({ location: `${storage.url}/${digest}` }))
  await using source = await scriptedServer((request, response) => {
    if (request.headers.authorization === basic) return answer(request, response)
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end()
  })
  const { status, stderr } = await mirrorFrom(source)
  assert.equal(status, 0, stderr)
  assert.equal(storage.requests.length, release.blobs.size)
  requireIgnorance(storage)
})

test('does not send the password to a token server on another host, and reports why', async () => {
  await using tokens = await scriptedServer((_request, response) => void response.end('{"token":"any"}'))
  // the registry is 127.0.0.1: the same machine under another name is another domain
  const realm = tokens.url.replace('127.0.0.1', 'localhost')
  await using source = await scriptedServer(
    (_request, response) => void response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}/token",service="test"` }).end(),
  )
  const { status, stderr } = await mirrorFrom(source)
  assert.equal(status, 6, stderr)
  assert.match(stderr, /^(?:FAILED|error:) .*as user "robot".*another host, localhost:\d+; they were not sent \(REFUSED_ADDRESS\)$/m)
  assert.equal(tokens.requests.length, 0)
  requireIgnorance(source)
})

test('sends nothing to a token server at a forbidden address', async () => {
  for (const realm of ['file:///etc/passwd', 'null://', 'http://169.254.169.254/token', 'http://user:word@127.0.0.1/token']) {
    await using source = await scriptedServer(
      (_request, response) => void response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="test"` }).end(),
    )
    const { status, stderr } = await mirrorFrom(source)
    assert.equal(status, 6, stderr)
    assert.match(stderr, /^(?:FAILED|error:) .*nothing was sent to it \(REFUSED_ADDRESS\)$/m)
    requireIgnorance(source)
  }
})

test('rejects a password in a URL without printing it', async () => {
  for (const args of [
    ['--to', `https://robot:${canary}@127.0.0.1:1`, 'rancher/x:1'],
    ['--to', '127.0.0.1:1', '--from', `docker.io=https://robot:${canary}@127.0.0.1:1`, 'rancher/x:1'],
    ['--to', '127.0.0.1:1', `robot:${canary}@127.0.0.1:1/rancher/x:1`],
    ['--to', '127.0.0.1:1', '--images', `https://robot:${canary}@127.0.0.1:1/list.txt`],
    ['--to', '127.0.0.1:1', '--release', 'stable', '--channel-url', `https://robot:${canary}@127.0.0.1:1/`],
  ]) {
    const { status, stdout, stderr } = await runCli(['mirror', ...args])
    assert.equal(status, 2, stderr)
    requireNoCanary(stdout, stderr)
  }
})
