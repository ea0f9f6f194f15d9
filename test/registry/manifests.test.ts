import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { manifestOf } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { atDigest, parseReference } from '../../src/oci/reference.ts'
import { contentOf, tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { putBlob } from '../oci/put-blob.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry, refuse, type Intercept } from '../servers/memory-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { openRegistry, openWithServer, type OpenOptions } from './open-registry.ts'

const image = tinyImage()
const { root } = image
const { digest } = root.descriptor
const reference = parseReference('docker.io/a/b:1')

/** A registry that holds the image as `a/b:1`, and a client for it. */
async function held(intercept?: Intercept, options: OpenOptions = {}) {
  const opened = await openWithServer(intercept, options)
  opened.server.hold('a/b', '1', image)
  return opened
}

/** A captive portal, or any web server that says yes to everything. */
const webPage: Intercept = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>')
  return true
}

test('requests a manifest by HEAD with every type in Accept', async () => {
  await using at = await held()
  assert.deepEqual(await at.registry.headManifest(reference), root.descriptor)
  assert.deepEqual(at.server.kinds(), ['manifest-head'])
  for (const type of [mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.dockerList, mediaTypes.dockerManifest]) {
    assert.ok(at.server.requests[0]?.headers.accept?.includes(type), type)
  }
})

test('returns undefined for an absent tag by HEAD and NOT_FOUND by GET', async () => {
  await using at = await held()
  const absent = parseReference('docker.io/a/b:2')
  assert.equal(await at.registry.headManifest(absent), undefined)
  await assert.rejects(at.registry.getManifest(absent), { code: 'NOT_FOUND', side: 'source' })
})

for (const header of ['docker-content-digest', 'content-type', 'content-length']) {
  test(`reads and hashes the manifest when the answer to a HEAD lacks ${header}`, async () => {
    await using at = await held(({ kind }, response) => {
      if (kind !== 'manifest-head') return false
      const all = { 'docker-content-digest': digest, 'content-type': mediaTypes.ociManifest, 'content-length': root.bytes.length }
      response.writeHead(200, Object.fromEntries(Object.entries(all).filter(([name]) => name !== header))).end()
      return true
    })
    assert.deepEqual(await at.registry.headManifest(reference), root.descriptor)
    assert.deepEqual(at.server.kinds(), ['manifest-head', 'manifest-get'])
  })
}

test('reads and hashes the manifest when the answer to a HEAD has an invalid digest', async () => {
  await using at = await held(({ kind }, response) => {
    if (kind !== 'manifest-head') return false
    response
      .writeHead(200, { 'docker-content-digest': 'sha256:../../x', 'content-type': mediaTypes.ociManifest, 'content-length': 5 })
      .end()
    return true
  })
  assert.equal((await at.registry.headManifest(reference))?.digest, digest)
})

test('falls back to GET for a registry without HEAD (405)', async () => {
  await using at = await held(({ kind }, response) => (kind === 'manifest-head' ? refuse(response, 405, 'UNSUPPORTED') : false))
  assert.equal((await at.registry.headManifest(reference))?.digest, digest)
  assert.equal(await at.registry.headManifest(parseReference('docker.io/a/b:2')), undefined)
})

for (const status of [401, 403]) {
  // F96
  test(`treats ${status} on a HEAD as unknown at a destination, and as an error at a source`, async () => {
    const answer: Intercept = (_request, response) => refuse(response, status, 'DENIED')
    await using to = await held(answer, { side: 'destination' })
    assert.equal(await to.registry.headManifest(reference), undefined)
    await using from = await held(answer)
    await assert.rejects(from.registry.headManifest(reference), { code: status === 401 ? 'UNAUTHORIZED' : 'DENIED', side: 'source' })
  })
}

// F102
test('rejects a captive portal as a source', async () => {
  await using at = await held(webPage)
  const code = 'PROTOCOL'
  await assert.rejects(at.registry.headManifest(reference), { code, message: /captive portal/, side: 'source' })
  await assert.rejects(at.registry.getManifest(reference), { code, message: /web page/ })
  await assert.rejects(at.registry.getManifest(atDigest(reference, digest)), { code, message: /web page/ })
})

// F102
test('rejects a captive portal as a destination', async () => {
  await using at = await held(webPage, { side: 'destination' })
  await assert.rejects(at.registry.headManifest(reference), { code: 'PROTOCOL', message: /web page/, side: 'destination' })
  await assert.rejects(at.registry.putManifest(reference, root), { code: 'PROTOCOL', side: 'destination' })
})

// D44
test('rejects a manifest of nine megabytes, with or without a declared length', async () => {
  const bytes = Buffer.alloc(9 * 1024 * 1024, ' ')
  for (const headers of [{ 'content-length': bytes.length }, {}]) {
    await using at = await held(({ kind }, response) => {
      if (kind !== 'manifest-get') return false
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, ...headers }).end(bytes)
      return true
    })
    await assert.rejects(at.registry.getManifest(reference), { code: 'PROTOCOL', message: /larger than the limit of 8388608 bytes/ })
  }
})

// D46
test('rejects an image served as an index', async () => {
  await using at = await held(({ kind }, response) => {
    if (kind !== 'manifest-get') return false
    response.writeHead(200, { 'content-type': mediaTypes.ociIndex }).end(root.bytes)
    return true
  })
  await assert.rejects(at.registry.getManifest(reference), {
    code: 'INVALID_MANIFEST',
    message: /cannot read docker.io\/a\/b:1/,
    side: 'source',
  })
})

for (const type of [undefined, 'application/octet-stream', `${mediaTypes.ociManifest}; charset=utf-8`]) {
  // D47
  test(`uses the mediaType of a manifest served as ${type ?? 'nothing'}`, async () => {
    await using at = await held(({ kind }, response) => {
      if (kind !== 'manifest-get') return false
      response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(root.bytes)
      return true
    })
    assert.deepEqual((await at.registry.getManifest(reference)).descriptor, root.descriptor)
  })
}

// D48
test('requests bytes that do not match the digest once more, then rejects them', async () => {
  for (const [wrongTimes, requests] of [
    [1, 2],
    [9, 2],
  ] as const) {
    await using at = await held(({ kind, nth }, response) => {
      if (kind !== 'manifest-get' || nth > wrongTimes) return false
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': digest })
      response.end(Buffer.concat([root.bytes, Buffer.from(' ')]))
      return true
    })
    const manifest = at.registry.getManifest(atDigest(reference, digest))
    if (wrongTimes === 1) assert.deepEqual(Buffer.from((await manifest).bytes), root.bytes)
    else await assert.rejects(manifest, { code: 'INTEGRITY', side: 'source' })
    assert.equal(at.server.count('manifest-get'), requests)
  }
})

// D49
test('warns once about a wrong Docker-Content-Digest with the right bytes', async () => {
  const warnings: string[] = []
  const wrong = `sha256:${'0'.repeat(64)}`
  await using at = await held(
    ({ kind }, response) => {
      if (kind !== 'manifest-get') return false
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': wrong }).end(root.bytes)
      return true
    },
    { onWarning: (message) => warnings.push(message) },
  )
  assert.equal((await at.registry.getManifest(reference)).descriptor.digest, digest)
  assert.equal((await at.registry.getManifest(atDigest(reference, digest))).descriptor.digest, digest)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /states another digest/)
})

// D50
test('reports schema 1 as unsupported', async () => {
  await using at = await held(({ kind }, response) => {
    if (kind !== 'manifest-get') return false
    response.writeHead(200, { 'content-type': mediaTypes.dockerSchema1Signed }).end('{"schemaVersion":1,"fsLayers":[]}')
    return true
  })
  await assert.rejects(at.registry.getManifest(reference), { code: 'UNSUPPORTED', message: /schema 1/ })
})

// D62
test('keeps a trailing newline in both directions', async () => {
  const manifest = manifestOf(
    Buffer.from(`${JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], x: 1 }, undefined, 3)}\n`),
  )
  await using at = await held()
  await at.registry.putManifest(reference, manifest)
  assert.deepEqual(at.server.manifests.get('a/b:1')?.bytes, manifest.bytes)
  const read = await at.registry.getManifest(reference)
  assert.deepEqual(Buffer.from(read.bytes), manifest.bytes)
  assert.deepEqual(read.descriptor, manifest.descriptor)
})

// A10
test('reads a manifest by its sha512 digest', async () => {
  const sha512 = `sha512:${createHash('sha512').update(root.bytes).digest('hex')}` as const
  await using at = await held()
  at.server.manifests.set(`a/b@${sha512}`, { mediaType: mediaTypes.ociManifest, bytes: Buffer.from(root.bytes) })
  assert.equal((await at.registry.getManifest(atDigest(reference, sha512))).descriptor.digest, sha512)
})

// A10
test('a destination with only sha256 accepts it under a tag, and rejects it by digest as unsupported', async () => {
  const sha512 = `sha512:${createHash('sha512').update(root.bytes).digest('hex')}` as const
  const manifest = manifestOf(root.bytes, undefined, sha512)
  await using at = await held(
    ({ kind, path }, response) => (kind === 'manifest-put' && path.includes('sha512') ? refuse(response, 400, 'DIGEST_INVALID') : false),
    {
      side: 'destination',
    },
  )
  await at.registry.putManifest({ ...reference, digest: sha512 }, manifest)
  assert.deepEqual(at.server.manifests.get('a/b:1')?.bytes, root.bytes)
  await assert.rejects(at.registry.putManifest(atDigest(reference, sha512), manifest), { code: 'UNSUPPORTED', side: 'destination' })
})

// A10
test('docker-registry accepts a manifest with a sha512 digest by its tag, but not by that digest', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using server = await startDockerRegistry()
  await using registry = openRegistry(server.url, { side: 'destination' })
  for (const { bytes, descriptor } of image.blobs) await putBlob(registry, reference, descriptor, () => Promise.resolve(contentOf(bytes)))
  const sha512 = `sha512:${createHash('sha512').update(root.bytes).digest('hex')}` as const
  const manifest = manifestOf(root.bytes, undefined, sha512)
  await registry.putManifest({ ...reference, digest: sha512 }, manifest)
  assert.equal((await registry.headManifest(reference))?.digest, digest)
  await assert.rejects(registry.putManifest(atDigest(reference, sha512), manifest), { code: 'UNSUPPORTED', hint: /by a tag/ })
})

test('stores a manifest with its type and exact bytes in one request when the registry returns its digest', async () => {
  await using at = await held()
  await at.registry.putManifest(parseReference('docker.io/a/b:new'), root)
  assert.deepEqual(at.server.kinds(), ['manifest-put'])
  assert.equal(at.server.requests[0]?.headers['content-type'], mediaTypes.ociManifest)
  assert.equal(at.server.requests[0]?.headers['content-length'], String(root.bytes.length))
})

for (const status of [200, 202, 204]) {
  test(`confirms a PUT that is answered with ${status} by a HEAD`, async () => {
    await using at = await held(async ({ kind, scripted }, response) => {
      if (kind !== 'manifest-put') return false
      at.server.manifests.set('a/b:new', { mediaType: mediaTypes.ociManifest, bytes: await scripted.readBody() })
      response.writeHead(status).end()
      return true
    })
    await at.registry.putManifest(parseReference('docker.io/a/b:new'), root)
    assert.deepEqual(at.server.kinds(), ['manifest-put', 'manifest-head'])
  })
}

for (const status of [200, 201]) {
  // F102
  test(`detects a server that answers ${status} to a PUT and stores nothing`, async () => {
    await using at = await held(({ kind }, response) => {
      if (kind === 'manifest-put') return (response.writeHead(status).end(), true)
      return refuse(response, 404, 'MANIFEST_UNKNOWN')
    })
    await assert.rejects(at.registry.putManifest(reference, root), {
      code: 'PROTOCOL',
      message: /accepted docker.io\/a\/b:1 but does not have it/,
    })
  })
}

test('detects a registry that stores other bytes by the digest in its answer', async () => {
  await using at = await held(({ kind }, response) => {
    if (kind !== 'manifest-put') return false
    response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end()
    return true
  })
  await assert.rejects(at.registry.putManifest(reference, root), { code: 'INTEGRITY' })
})

// F86
test('counts a manifest as stored after a 500 when it is present', async () => {
  await using at = await held(async ({ kind, scripted }, response) => {
    if (kind !== 'manifest-put') return false
    at.server.manifests.set('a/b:new', { mediaType: mediaTypes.ociManifest, bytes: await scripted.readBody() })
    response.writeHead(500).end()
    return true
  })
  await at.registry.putManifest(parseReference('docker.io/a/b:new'), root)
  assert.deepEqual(at.server.kinds(), ['manifest-put', 'manifest-head'])
})

// F86
test('puts a manifest again after a 500 when it is absent', async () => {
  await using at = await held(({ kind, nth }, response) => (kind === 'manifest-put' && nth < 3 ? refuse(response, 500, 'UNKNOWN') : false))
  await at.registry.putManifest(parseReference('docker.io/a/b:new'), root)
  assert.equal(at.server.count('manifest-put'), 3)
})

test('puts a child only under its digest, and a root only under its tag', async () => {
  const index = tinyIndex()
  await using at = await held()
  for (const { bytes, descriptor } of index.blobs) at.server.blobs.set(`a/c@${descriptor.digest}`, Buffer.from(bytes))
  const place = parseReference('docker.io/a/c:7')
  for (const child of index.manifests.slice(0, -1)) await at.registry.putManifest(atDigest(place, child.descriptor.digest), child)
  await at.registry.putManifest({ ...place, digest: index.root.descriptor.digest }, index.root)
  assert.deepEqual(
    at.server.requests.map(({ path }) => path.split('/manifests/')[1]),
    [...index.manifests.slice(0, -1).map(({ descriptor }) => descriptor.digest), '7'],
  )
})

for (const [status, errorCode, code] of [
  [400, 'NAME_INVALID', 'DENIED'],
  [403, 'DENIED', 'DENIED'],
  [404, 'NAME_UNKNOWN', 'NOT_FOUND'],
  [405, 'UNSUPPORTED', 'UNSUPPORTED'],
  [412, 'PRECONDITION', 'DENIED'],
  [413, 'SIZE_INVALID', 'INTEGRITY'],
] as const) {
  // F96
  test(`does not retry a PUT that is answered with ${status}, and prints the registry's message`, async () => {
    await using at = await openWithServer(({ kind }, response) =>
      kind === 'manifest-put' ? refuse(response, status, errorCode, 'tag is immutable\u001b[31m') : false,
    )
    await assert.rejects(at.registry.putManifest(reference, root), (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, /tag is immutable\\u\{1b\}\[31m/)
      return true
    })
    assert.equal(at.server.count('manifest-put'), 1)
  })
}

// F87, F90
test('follows redirects of a manifest, without credentials to another host', async () => {
  await using other = await memoryRegistry(({ path }, response) => {
    if (!path.startsWith('/cdn')) return false
    response.writeHead(200, { 'content-type': mediaTypes.ociManifest }).end(root.bytes)
    return true
  })
  await using at = await held(
    ({ kind, path, headers }, response) => {
      if (headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        return true
      }
      if (kind === 'ping') return false
      response.writeHead(307, { location: path.startsWith('/hop') ? `${other.url}/cdn` : '/hop' }).end()
      return true
    },
    { credentials: ['alice', 'canary'] },
  )
  assert.equal((await at.registry.getManifest(reference)).descriptor.digest, digest)
  assert.equal((await at.registry.headManifest(reference))?.digest, digest)
  assert.deepEqual(
    other.requests.map(({ method }) => method),
    ['GET', 'HEAD', 'GET'],
  )
  assert.equal(other.requests[0]?.headers.authorization, undefined)
  assert.doesNotMatch(JSON.stringify(other.requests[0]?.headers), /canary|YWxpY2U6/)
})

// F87
test('rejects a redirect loop and two Locations', async () => {
  await using loop = await held(({ path }, response) => (response.writeHead(302, { location: path }).end(), true))
  for (const work of [loop.registry.getManifest(reference), loop.registry.headManifest(reference)]) {
    await assert.rejects(work, { code: 'PROTOCOL' })
  }
  assert.equal(loop.server.requests.length, 33, 'two GETs and a HEAD were each sent ten times elsewhere')
  await using two = await held(
    (_request, response) => (
      response
        .writeHead(
          302,
          [
            ['location', '/a'],
            ['location', '/b'],
          ].flat(),
        )
        .end(),
      true
    ),
  )
  await assert.rejects(two.registry.getManifest(reference), { code: 'PROTOCOL', message: /two Location headers/ })
})

test('counts a manifest as written when it becomes visible after its PUT', async () => {
  let heads = 0
  await using at = await openWithServer(
    async ({ kind, scripted }, response) => {
      if (kind === 'manifest-head' && ++heads < 3) return refuse(response, 404, 'MANIFEST_UNKNOWN')
      if (kind !== 'manifest-put') return false
      at.server.manifests.set('a/b:1', { mediaType: root.descriptor.mediaType, bytes: await scripted.readBody() })
      response.writeHead(201).end()
      return true
    },
    { side: 'destination' },
  )
  await at.registry.putManifest(reference, root)
  assert.equal(at.server.count('manifest-put'), 1)
})

test('counts a refused manifest as written when the tag already points to it', async () => {
  for (const [status, code] of [
    [400, 'TAG_INVALID'],
    [400, 'BLOB_UPLOAD_INVALID'],
    [403, 'DENIED'],
    [409, 'CONFLICT'],
    [412, 'PRECONDITION'],
  ] as const) {
    await using at = await held(({ kind }, response) => (kind === 'manifest-put' ? refuse(response, status, code, 'immutable') : false))
    await at.registry.putManifest(reference, root)
    assert.equal(at.server.count('manifest-put'), 1)
  }
})

test('finds a manifest by one GET, and an absent one too', async () => {
  await using at = await held(undefined, { side: 'destination' })
  const found = await at.registry.findManifest(reference)
  assert.deepEqual([found?.descriptor, found?.manifest?.bytes], [root.descriptor, root.bytes])
  assert.equal(await at.registry.findManifest(parseReference('docker.io/a/b:2')), undefined)
  assert.deepEqual(at.server.kinds(), ['manifest-get', 'manifest-get'])
})

test('finds the digest of a manifest that it cannot read by HEAD', async () => {
  await using at = await held(
    ({ kind }, response) => {
      if (kind !== 'manifest-get') return false
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest }).end('{"not":"a manifest"}')
      return true
    },
    { side: 'destination' },
  )
  assert.deepEqual(await at.registry.findManifest(reference), { descriptor: root.descriptor })
})
