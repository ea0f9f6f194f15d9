import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { MirrorReport } from '../../src/report/report.ts'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry, refuse, type Intercept } from '../servers/memory-registry.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { basicGate, oneImage } from './one-image.ts'

const reportOf = (stdout: string): MirrorReport => JSON.parse(stdout) as MirrorReport

test('mirrors again to a registry that refuses existing blobs and ignores mounts', async () => {
  await using at = await oneImage()
  // Nexus without "Allow redeploy"
  at.destination.intercept = ({ kind, path }, response) => {
    const [route = '', query = ''] = path.split('?')
    const repository = /^\/v2\/(.*)\/blobs/.exec(route)?.[1]
    if (kind === 'mount') {
      const session = `/v2/${repository}/blobs/uploads/${at.destination.requests.length}`
      ;(at.destination.sessions as Set<string>).add(session)
      response.writeHead(202, { location: session }).end()
      return true
    }
    const digest = new URLSearchParams(query).get('digest')
    if (kind !== 'upload-put' || !at.destination.blobs.has(`${repository}@${digest}`)) return false
    return refuse(response, 400, 'BLOB_UPLOAD_INVALID', `docker/v2/-/blobs/${digest} cannot be updated`)
  }
  assert.equal((await at.run()).status, 0)
  at.destination.manifests.clear()
  const { status, stdout, stderr } = await at.run(['--output', 'json'])
  assert.equal(status, 0, stderr)
  const [image] = reportOf(stdout).images
  assert.equal(image?.status, 'copied')
  assert.equal(
    image?.bytes.present,
    at.image.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  )
})

test('counts a manifest as written if another client wrote it first and the second PUT is refused', async () => {
  await using at = await oneImage({
    destination: ({ kind, path, scripted }, response) => {
      if (kind !== 'manifest-put') return false
      return scripted.readBody().then((bytes) => {
        const held = { mediaType: scripted.headers['content-type'] ?? '', bytes }
        const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
        at.destination.manifests.set(`acme/app@${digest}`, held)
        if (path.endsWith('/1')) at.destination.manifests.set('acme/app:1', held)
        return refuse(response, 400, 'TAG_INVALID', 'the tag is immutable')
      })
    },
  })
  const { status, stderr } = await at.run()
  assert.equal(status, 0, stderr)
  assert.ok(at.isMirrored())
})

test('does not overwrite an immutable tag, and prints a hint without a retry', async () => {
  await using at = await oneImage({
    destination: ({ kind, path }, response) =>
      kind === 'manifest-put' && path.endsWith('/1')
        ? refuse(response, 400, 'BLOB_UPLOAD_INVALID', 'does not allow updating assets')
        : false,
  })
  const { status, stderr } = await at.run()
  assert.equal(status, 1)
  assert.match(stderr, /answered 400 \(BLOB_UPLOAD_INVALID: does not allow updating assets\) \(DENIED\)/)
  assert.equal(at.destination.requests.filter(({ kind, path }) => kind === 'manifest-put' && path.endsWith('/1')).length, 1)
})

/** A registry that redirects HEAD and GET to a storage whose URLs are signed for GET. */
async function signedForGet() {
  const storage = await scriptedServer(({ method, url, headers }, response) => {
    if (method !== 'GET') return void response.writeHead(403, { 'content-type': 'application/xml' }).end()
    const held = kept.get(url)
    if (held === undefined) return void response.writeHead(404).end()
    const { bytes, mediaType } = held
    const isPart = headers.range === 'bytes=0-0'
    const part = isPart ? bytes.subarray(0, 1) : bytes
    const range = isPart ? { 'content-range': `bytes 0-0/${bytes.length}` } : {}
    response.writeHead(isPart ? 206 : 200, { 'content-type': mediaType, 'content-length': part.length, ...range }).end(part)
  })
  const kept = new Map<string, { readonly bytes: Buffer; readonly mediaType: string }>()
  const redirect =
    (held: (name: string) => { readonly bytes: Buffer; readonly mediaType: string } | undefined): Intercept =>
    ({ kind, path }, response) => {
      const [, repository, collection, name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/([^/]+)$/.exec(path) ?? []
      if (collection === undefined || !/-(?:head|get)$/.test(kind)) return false
      const content = held(`${repository}${collection === 'manifests' && !name.includes(':') ? ':' : '@'}${name}`)
      if (content === undefined) return false
      kept.set(`/${collection}/${name}`, content)
      response.writeHead(307, { location: `${storage.url}/${collection}/${name}` }).end()
      return true
    }
  return { redirect, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
}

test('copies, finds up to date and verifies images where a HEAD is redirected to URLs signed for GET', async () => {
  await using signed = await signedForGet()
  const { redirect } = signed
  // one that is asked for by HEAD, and one that is not
  await using at = await oneImage({ image: tinyImage(Buffer.alloc(1_500_000, 'large')) })
  const lookUp = ({ manifests, blobs }: typeof at.source) =>
    redirect((name) => {
      const blob = blobs.get(name)
      return manifests.get(name) ?? (blob && { bytes: blob, mediaType: 'application/octet-stream' })
    })
  at.source.intercept = lookUp(at.source)
  at.destination.intercept = lookUp(at.destination)
  assert.equal((await at.run()).status, 0)
  assert.ok(at.isMirrored())
  const again = await at.run(['--output', 'json'])
  assert.equal(reportOf(again.stdout).totals.upToDate, 1, again.stderr)
  const verified = await at.run(['--output', 'json'], { command: 'verify' })
  assert.equal(verified.status, 0, verified.stdout)
  assert.equal((JSON.parse(verified.stdout) as VerifyReport).totals.ok, 1)
  at.destination.manifests.clear()
  at.destination.forget()
  assert.equal((await at.run()).status, 0)
  assert.equal(at.destination.count('upload-put'), 0, 'no blob was sent again')
})

test('sends HEAD only once where only GET returns the digest', async () => {
  await using at = await oneImage({ source: ({ kind }, response) => (kind === 'manifest-head' ? refuse(response, 403, 'DENIED') : false) })
  const names = Array.from({ length: 6 }, (_, n) => `docker.io/acme/app${n}:1`)
  for (const name of names) at.source.hold(name.slice('docker.io/'.length, -2), '1', at.image)
  const { status, stderr } = await at.run(['--jobs', '1', '--images', '-'], { stdin: names.join('\n') })
  assert.equal(status, 0, stderr)
  assert.equal(at.source.count('manifest-head'), 1)
})

for (const status of [400, 403, 404, 405, 500, 501, 503]) {
  test(`mirrors from and to registries that answer ${status} to a HEAD`, async () => {
    const noHead: Intercept = ({ kind }, response) => {
      if (!kind.endsWith('-head')) return false
      response.writeHead(status, { 'content-type': 'text/html' }).end()
      return true
    }
    await using at = await oneImage({ source: noHead, destination: noHead })
    const first = await at.run()
    assert.equal(first.status, 0, first.stderr)
    assert.ok(at.isMirrored())
    at.destination.forget()
    const again = await at.run(['--output', 'json'])
    assert.equal(reportOf(again.stdout).totals.upToDate, 1, again.stderr)
    assert.equal(at.destination.count('upload-put'), 0)
  })
}

for (const status of [307, 308]) {
  test(`follows ${status} of a front end for POST and PUT, and sends no bytes twice to the same host`, async () => {
    await using real = await memoryRegistry()
    await using at = await oneImage({
      destination: async ({ path, scripted }, response) => {
        await scripted.readBody()
        response.writeHead(status, { location: `${real.url}${path}` }).end()
        return true
      },
    })
    const { status: exit, stderr } = await at.run()
    assert.equal(exit, 0, stderr)
    assert.ok(at.image.blobs.every(({ descriptor }) => real.blobs.has(`acme/app@${descriptor.digest}`)))
    assert.equal(real.manifests.get('acme/app:1')?.mediaType, at.image.root.descriptor.mediaType)
  })

  test(`opens the content again where only the closing PUT is answered ${status}`, async () => {
    await using real = await memoryRegistry()
    const front: Intercept = async ({ kind, path, scripted }, response) => {
      if (kind !== 'upload-put') return false
      await scripted.readBody()
      const session = path.split('?')[0] ?? ''
      ;(real.sessions as Set<string>).add(session)
      response.writeHead(status, { location: `${real.url}${path}` }).end()
      return true
    }
    await using at = await oneImage({ destination: front })
    const accept = front
    at.destination.intercept = async (request, response) => {
      for (const [name, bytes] of real.blobs) at.destination.blobs.set(name, bytes)
      return accept(request, response)
    }
    const { status: exit, stderr } = await at.run()
    assert.equal(exit, 0, stderr)
    for (const { bytes, descriptor } of at.image.blobs)
      assert.deepEqual(real.blobs.get(`acme/app@${descriptor.digest}`), Buffer.from(bytes))
  })
}

test('reports where /v2/ leads when the registry redirects everything but reads to https', async () => {
  for (const status of [301, 302]) {
    await using at = await oneImage({
      destination: ({ kind, headers, path }, response) => {
        if (/-(?:head|get)$/.test(kind)) return false
        response.writeHead(status, { location: `https://${headers.host}${path}` }).end()
        return true
      },
    })
    const { status: exit, stderr } = await at.run()
    assert.equal(exit, 6)
    assert.match(stderr, /^error: .*; http:\/\/\S+ redirected there \(TLS\)$/m)
  }
})

test('takes a HEAD answer with both Content-Length and Transfer-Encoding', async () => {
  await using at = await oneImage()
  at.source.intercept = ({ kind, path }, response) => {
    if (kind !== 'manifest-head') return false
    const [, repository, name = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path) ?? []
    const held = at.source.manifests.get(`${repository}${name.includes(':') ? '@' : ':'}${name}`)
    if (held === undefined) return false
    response.writeHead(200, {
      'content-type': held.mediaType,
      'docker-content-digest': `sha256:${createHash('sha256').update(held.bytes).digest('hex')}`,
      'content-length': held.bytes.length,
      'transfer-encoding': 'chunked',
    })
    response.end()
    return true
  }
  const { status, stderr } = await at.run()
  assert.equal(status, 0, stderr)
  assert.deepEqual(at.source.kinds().slice(0, 2), ['manifest-head', 'manifest-get'])
  assert.ok(at.source.requests[1]?.path.includes('sha256:'), 'the HEAD gave the digest')
})

test('prints why a push was refused, in every form of registry answer', async () => {
  for (const [body, shown] of [
    ['{"message":"quota exceeded"}', 'quota exceeded'],
    ['<Error><Message>Bucket is full</Message></Error>', 'Bucket is full'],
    ['disk full\u001b[31m\n', 'disk full\\u{1b}[31m'],
  ] as const) {
    await using at = await oneImage({
      destination: ({ kind }, response) => (kind === 'upload-put' ? (response.writeHead(403).end(body), true) : false),
    })
    const { status, stderr } = await at.run()
    assert.equal(status, 1)
    assert.ok(stderr.includes(`answered 403 (${shown})`), stderr)
  }
})

test('reads manifests with an unrequested compression', async () => {
  await using at = await oneImage({
    source: ({ kind, path }, response) => {
      if (kind !== 'manifest-get') return false
      const [, repository, name = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path) ?? []
      const held = at.source.manifests.get(`${repository}${name.includes(':') ? '@' : ':'}${name}`)
      if (held === undefined) return false
      response.writeHead(200, { 'content-type': held.mediaType, 'content-encoding': 'gzip' }).end(gzipSync(held.bytes))
      return true
    },
  })
  const { status, stderr } = await at.run()
  assert.equal(status, 0, stderr)
  assert.ok(at.isMirrored())
})

test('reports that the registry itself returned an address without a port', async () => {
  await using at = await oneImage({
    destination: ({ kind, path }, response) => {
      if (kind !== 'mount' && kind !== 'upload-post') return false
      response.writeHead(202, { location: `http://127.0.0.1${path.split('?')[0]}lost` }).end()
      return true
    },
  })
  const { status, stderr } = await at.run(['--retries', '0'])
  assert.equal(status, 1)
  const { host } = at.destination
  assert.match(stderr, new RegExp(`cannot connect to http://127\\.0\\.0\\.1: .*; ${host} named http://127\\.0\\.0\\.1 for the upload`))
  assert.match(stderr, /hint: .*X-Forwarded-Host, X-Forwarded-Port/)
})

test('does not quote a registry that repeats the password, and still reports the failure', async () => {
  const gate = basicGate('robot:c4nary-p4ss')
  await using at = await oneImage({
    destination: (request, response) => {
      if (request.headers.authorization === undefined || request.kind !== 'manifest-put') return gate(request, response)
      return refuse(response, 403, 'DENIED', `wrong: ${request.headers.authorization} c4nary-p4ss`)
    },
  })
  const { status, stdout, stderr } = await at.run(['--output', 'json', '--verbose'], {
    env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 'c4nary-p4ss' },
  })
  assert.equal(status, 1)
  assert.match(stderr, /answered 403 \(DENIED\)/)
  assert.doesNotMatch(stdout + stderr, /c4nary|Basic /)
})

test('reads only the beginning of long refusals and answers, regardless of Content-Encoding', async () => {
  const long = Buffer.alloc(200_000, 'x')
  const gate: Intercept = ({ kind, headers, scripted }, response) => {
    if (headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"', 'content-encoding': 'gzip' }).end(long)
      return true
    }
    if (kind === 'blob-head' || kind === 'manifest-head') return false
    if (kind !== 'upload-put') return false
    return scripted.readBody().then((bytes) => {
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      at.destination.blobs.set(`acme/app@${digest}`, bytes)
      response.writeHead(201, { 'content-encoding': 'aws-chunked' }).end(long)
      return true
    })
  }
  await using at = await oneImage({ destination: gate })
  const { status, stderr } = await at.run([], { env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 's3cret' } })
  assert.equal(status, 0, stderr)
  assert.ok(at.isMirrored())
})
