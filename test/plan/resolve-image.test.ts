import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { manifestOf, type Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { resolveImage, type ResolveOptions } from '../../src/plan/resolve-image.ts'
import { tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { memoryRegistry, refuse, type Intercept } from '../servers/memory-registry.ts'

const named = { source: parseReference('docker.io/a/b:1'), destination: parseReference('r.example/m/a/b:1') }
const digests = (contents: readonly { readonly digest: string }[]): string[] => contents.map(({ digest }) => digest)

/** Two registries, of which the source holds the image as a/b:1. */
async function between(image: TinyImage, atSource?: Intercept, atDestination?: Intercept) {
  const from = await memoryRegistry(atSource)
  const to = await memoryRegistry(atDestination)
  from.hold('a/b', '1', image)
  const source = openRegistry(from.url)
  const destination = openRegistry(to.url, { side: 'destination' })
  return {
    from,
    to,
    resolve: (options?: ResolveOptions, image = named) => resolveImage(image, source, destination, options),
    async [Symbol.asyncDispose]() {
      for (const part of [source, destination, from, to]) await part[Symbol.asyncDispose]()
    },
  }
}

/** An index over manifests, with whatever their descriptors should say. */
function indexOver(children: readonly TinyImage[], entries: (child: Manifest, at: number) => object = () => ({})): TinyImage {
  const manifests = children.map(({ root }, at) => ({ ...root.descriptor, ...entries(root, at) }))
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  return { blobs: children.flatMap(({ blobs }) => blobs), manifests: [...children.flatMap((child) => child.manifests), root], root }
}

const platform = (text: string): object => ({ platform: parsePlatform(text) })

/** Images for amd64, arm64 and Windows, and an attestation about each of the first two. */
function attested(): TinyImage {
  const images = ['amd64', 'arm64'].map((architecture) => tinyImage(randomBytes(50), architecture))
  const windows = tinyImage(randomBytes(50), 'amd64')
  const about = images.map(() => tinyImage(randomBytes(50), 'unknown'))
  return indexOver([...images, windows, ...about], (_root, at) => {
    if (at < 2) return platform(`linux/${['amd64', 'arm64'][at]}`)
    if (at === 2) return { platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.6893' } }
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': images[at - 3]?.root.descriptor.digest,
    }
    return { platform: { os: 'unknown', architecture: 'unknown' }, annotations }
  })
}

test('needs one HEAD on either side for a present image', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  at.to.hold('m/a/b', '1', image)
  const step = await at.resolve()
  assert.equal(step.state, 'present')
  assert.deepEqual(step.root, image.root.descriptor)
  assert.deepEqual(step.contents, { manifests: [], blobs: [], foreign: [] })
  assert.deepEqual([...at.from.kinds(), ...at.to.kinds()], ['manifest-head', 'manifest-head'])
})

test('reads a new image once, children before the index, each blob once', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  const step = await at.resolve()
  assert.equal(step.state, 'new')
  assert.deepEqual(
    digests(step.contents.manifests.map(({ descriptor }) => descriptor)),
    digests(image.manifests.map(({ descriptor }) => descriptor)),
  )
  assert.deepEqual(new Set(digests(step.contents.blobs)), new Set(digests(image.blobs.map(({ descriptor }) => descriptor))))
  assert.deepEqual(step.platforms, ['linux/amd64', 'linux/arm64'])
  assert.equal(step.digestPreserved, true)
  assert.equal(at.from.count('manifest-get'), 3)
  assert.equal(at.from.count('blob-get'), 0)
})

test('reports an image with another digest at the destination as changed', async () => {
  await using at = await between(tinyIndex())
  at.to.hold('m/a/b', '1', tinyIndex())
  assert.equal((await at.resolve()).state, 'changed')
})

test('reads a present image in a recheck', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  at.to.hold('m/a/b', '1', image)
  const step = await at.resolve({ recheck: true })
  assert.equal(step.state, 'present')
  assert.equal(step.contents.manifests.length, 3)
})

test('suggests the tags nearest to a missing one', async () => {
  const tags = ['v9.9.9', 'v1.2.3', 'latest', 'v1.2.4', 'v1.2.5']
  await using at = await between(tinyIndex(), ({ path }, response) => {
    if (!path.includes('/tags/list')) return undefined
    response.end(JSON.stringify({ name: 'a/b', tags }))
    return true
  })
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:v1.2.2') }), {
    code: 'NOT_FOUND',
    hint: 'Did you mean v1.2.3, v1.2.4, v1.2.5?',
  })
})

test('gives a plain hint where the registry lists no tags', async () => {
  await using at = await between(tinyIndex(), ({ path }, response) =>
    path.includes('/tags/list') ? refuse(response, 404, 'NAME_UNKNOWN') : undefined,
  )
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:2') }), {
    code: 'NOT_FOUND',
    hint: /^check the name/,
  })
})

test('reports a missing image as NOT_FOUND at the source', async () => {
  await using at = await between(tinyIndex())
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:2') }), {
    code: 'NOT_FOUND',
    side: 'source',
    message: /docker.io\/a\/b:2 not found: the source has no tag 2/,
  })
})

// A8
test('reads a pinned digest, and looks for the tag at the destination', async () => {
  const [pinned, newer] = [tinyIndex(), tinyIndex()]
  await using at = await between(pinned)
  at.from.hold('a/b', '1', newer)
  const { digest } = pinned.root.descriptor
  const step = await at.resolve({}, { source: { ...named.source, digest }, destination: { ...named.destination, digest } })
  assert.equal(step.root.digest, digest)
  assert.ok(at.from.requests.every(({ path }) => !path.endsWith('/1')))
  assert.deepEqual(
    at.to.requests.map(({ path }) => path),
    ['/v2/m/a/b/manifests/1'],
  )
})

// D63
test('copies the digest of the HEAD where the tag moves before the GET', async () => {
  const [before, after] = [tinyIndex(), tinyIndex()]
  await using at = await between(before, ({ kind }) => {
    if (kind === 'manifest-get') at.from.hold('a/b', '1', after)
    return false
  })
  const step = await at.resolve()
  assert.equal(step.root.digest, before.root.descriptor.digest)
  assert.ok(
    at.from.requests.filter(({ kind }) => kind === 'manifest-get').every(({ path }) => path.includes('sha256:')),
    'only by digest',
  )
})

for (const what of ['is unknown', 'leads to other bytes'] as const) {
  // D49, D63
  test(`uses the digest of the GET where the digest of the HEAD ${what}`, async () => {
    const image = tinyIndex()
    const wrong = `sha256:${'0'.repeat(64)}`
    await using at = await between(image, ({ kind, path }, response) => {
      if (kind === 'manifest-head') {
        response.writeHead(200, { 'docker-content-digest': wrong, 'content-type': mediaTypes.ociIndex, 'content-length': 5 }).end()
        return true
      }
      if (what === 'is unknown' || !path.endsWith(wrong)) return false
      response.writeHead(200, { 'content-type': mediaTypes.ociIndex }).end(image.root.bytes)
      return true
    })
    const step = await at.resolve()
    assert.equal(step.root.digest, image.root.descriptor.digest)
    assert.equal(step.contents.manifests.at(-1)?.descriptor.digest, image.root.descriptor.digest)
  })
}

// D51
test('refuses an index without images', async () => {
  await using at = await between(indexOver([]))
  await assert.rejects(at.resolve(), { code: 'INVALID_MANIFEST', message: /an index without images/, side: 'source' })
})

// D51
test('refuses an index with a missing child, and reads a complete subset of it', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  const missing = image.manifests[1]?.descriptor.digest ?? ''
  at.from.manifests.delete(`a/b@${missing}`)
  await assert.rejects(at.resolve(), {
    code: 'NOT_FOUND',
    side: 'source',
    message: new RegExp(`incomplete at the source: ${missing}`),
    hint: /options\.platforms/,
  })
  const step = await at.resolve({ wanted: [parsePlatform('linux/amd64')], sparse: true })
  assert.deepEqual([step.contents.manifests.length, step.root.digest], [2, image.root.descriptor.digest])
})

function nest(image: TinyImage, depth: number): TinyImage {
  return depth === 0 ? image : nest(indexOver([image]), depth - 1)
}

// D52
test('reads nested indexes to a depth of three, and refuses deeper ones', async () => {
  await using three = await between(nest(tinyImage(), 3))
  assert.equal((await three.resolve()).contents.manifests.length, 4)
  await using four = await between(nest(tinyImage(), 4))
  await assert.rejects(four.resolve(), { code: 'INVALID_MANIFEST', message: /nests indexes more than 3 deep/ })
})

// D52
test('reads a manifest once that several indexes name', async () => {
  const shared = tinyImage()
  const left = indexOver([shared], () => platform('linux/amd64'))
  const right = indexOver([shared, left])
  await using at = await between(indexOver([left, right, shared]))
  const step = await at.resolve()
  assert.equal(step.contents.manifests.length, 4)
  assert.equal(at.from.count('manifest-get'), 4)
  assert.equal(new Set(digests(step.contents.manifests.map(({ descriptor }) => descriptor))).size, 4)
  assert.equal(step.contents.blobs.length, 2)
})

// D52
test('refuses an index that names itself as its child', async () => {
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ mediaType: mediaTypes.ociIndex, digest: `sha256:${'1'.repeat(64)}`, size: 7 }],
  })
  await using at = await between({ blobs: [], manifests: [root], root }, ({ path, kind }, response) => {
    if (kind !== 'manifest-get' || !path.endsWith('1111')) return false
    response.writeHead(200, { 'content-type': mediaTypes.ociIndex }).end(root.bytes)
    return true
  })
  await assert.rejects(at.resolve(), { code: 'INTEGRITY', side: 'source' })
})

test('reads duplicate children once, and keeps the bytes of the index', async () => {
  const image = tinyImage()
  const twice = indexOver([image, image], () => platform('linux/amd64'))
  await using at = await between(twice)
  const step = await at.resolve()
  assert.equal(step.contents.manifests.length, 2)
  assert.equal(at.from.count('manifest-get'), 2)
  assert.deepEqual(Buffer.from(step.contents.manifests[1]?.bytes ?? []), twice.root.bytes)
  assert.deepEqual(step.platforms, ['linux/amd64'])
})

test('refuses a child with another size than its index declares', async () => {
  await using at = await between(indexOver([tinyImage()], (root) => ({ size: root.descriptor.size + 1 })))
  await assert.rejects(at.resolve(), { code: 'INVALID_MANIFEST', message: /declares \d+ bytes for sha256/, side: 'source' })
})

test('refuses a blob with two sizes', async () => {
  const layer = tinyBlob(randomBytes(10), 'application/vnd.oci.image.layer.v1.tar')
  const { blobs, root } = tinyImage()
  const [, config] = blobs
  assert.ok(config)
  const layers = [layer.descriptor, { ...layer.descriptor, size: 11 }]
  const manifest = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers })
  await using at = await between({ blobs: [layer, config], manifests: [manifest], root })
  at.from.hold('a/b', '1', { blobs: [layer, config], manifests: [manifest] })
  await assert.rejects(at.resolve(), { code: 'INVALID_MANIFEST', message: /two sizes/ })
})

// D56
test('copies a layer once that a manifest names twice', async () => {
  const image = tinyImage()
  const [layer, config] = image.blobs
  assert.ok(layer && config)
  const manifest = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor, layer.descriptor],
  })
  await using at = await between({ ...image, manifests: [manifest], root: manifest })
  assert.equal((await at.resolve()).contents.blobs.length, 2)
})

// D57
test('includes attestations and Windows without a choice of platforms', async () => {
  const image = attested()
  await using at = await between(image)
  const step = await at.resolve()
  assert.equal(step.contents.manifests.length, 6)
  assert.deepEqual(step.platforms, ['linux/amd64', 'linux/arm64', 'windows/amd64'])
  assert.equal(step.digestPreserved, true)
})

// D57, D58
test('writes a new index for a subset with its attestations, and reports the new digest', async () => {
  const image = attested()
  await using at = await between(image)
  const step = await at.resolve({ wanted: [parsePlatform('linux/arm64')] })
  assert.equal(step.digestPreserved, false)
  assert.notEqual(step.root.digest, image.root.descriptor.digest)
  const [child, attestation, index] = step.contents.manifests
  assert.equal(step.contents.manifests.length, 3)
  assert.equal(child?.descriptor.digest, image.manifests[1]?.descriptor.digest)
  assert.equal(attestation?.descriptor.digest, image.manifests[4]?.descriptor.digest)
  const document = JSON.parse(Buffer.from(index?.bytes ?? []).toString()) as { manifests: { annotations?: object }[] }
  assert.deepEqual(
    document.manifests,
    [1, 4].map((at) => (JSON.parse(Buffer.from(image.root.bytes).toString()) as { manifests: object[] }).manifests[at]),
  )
  assert.deepEqual(step.platforms, ['linux/arm64'])
  assert.equal(
    (await at.resolve({ wanted: [parsePlatform('linux/arm64')] })).root.digest,
    step.root.digest,
    'the same choice gives the same digest',
  )
})

test('reports a subset that the destination has as present', async () => {
  const image = attested()
  await using at = await between(image)
  const wanted = [parsePlatform('linux/arm64')]
  const { contents, root } = await at.resolve({ wanted })
  at.to.hold('m/a/b', '1', { blobs: [], manifests: contents.manifests })
  const again = await at.resolve({ wanted })
  assert.deepEqual([again.state, again.root.digest, again.contents.manifests.length], ['present', root.digest, 0])
})

test('keeps the index where every platform is chosen, however they are written', async () => {
  const image = tinyIndex()
  const root = manifestOf(Buffer.from(JSON.stringify(JSON.parse(Buffer.from(image.root.bytes).toString()), undefined, 2)))
  await using at = await between({ ...image, manifests: [...image.manifests.slice(0, -1), root], root })
  const step = await at.resolve({ wanted: [parsePlatform('linux/arm64'), parsePlatform('linux/amd64')] })
  assert.deepEqual([step.digestPreserved, step.root.digest], [true, root.descriptor.digest])
})

// D51
test('keeps the index byte for byte in a sparse copy, without the other children', async () => {
  const image = attested()
  await using at = await between(image)
  const step = await at.resolve({ wanted: [parsePlatform('linux/amd64')], sparse: true })
  assert.equal(step.digestPreserved, true)
  assert.equal(step.root.digest, image.root.descriptor.digest)
  assert.deepEqual(
    digests(step.contents.manifests.map(({ descriptor }) => descriptor)),
    [0, 3, 5].map((at) => image.manifests[at]?.descriptor.digest),
  )
  assert.deepEqual(step.platforms, ['linux/amd64'])
})

// D58
test('names a missing platform and the available ones', async () => {
  await using at = await between(attested())
  await assert.rejects(at.resolve({ wanted: [parsePlatform('linux/s390x')] }), {
    code: 'NO_SUCH_PLATFORM',
    message: /no image for linux\/s390x; available: linux\/amd64, linux\/arm64, windows\/amd64/,
  })
})

test('reads the platform of an image without an index from its config, once', async () => {
  const image = tinyImage(randomBytes(50), 'arm64')
  await using at = await between(image)
  const step = await at.resolve({ wanted: [parsePlatform('linux/arm64')] })
  assert.deepEqual([step.platforms, step.digestPreserved], [['linux/arm64'], true])
  const config = step.contents.blobs.find(({ mediaType }) => mediaType === mediaTypes.ociConfig)
  assert.deepEqual(Buffer.from(config?.data ?? []), image.blobs[1]?.bytes)
  assert.equal(at.from.count('blob-get'), 1)
  await assert.rejects(at.resolve({ wanted: [parsePlatform('linux/amd64')] }), {
    code: 'NO_SUCH_PLATFORM',
    message: /is only for linux\/arm64, not for linux\/amd64/,
  })
})

// D60
test('includes an artifact without an image config, which has no platform to choose', async () => {
  const config = tinyBlob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json')
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: 'application/x',
    config: config.descriptor,
    layers: [],
    subject: { mediaType: mediaTypes.ociManifest, digest: `sha256:${'2'.repeat(64)}`, size: 9 },
  })
  await using at = await between({ blobs: [config], manifests: [root], root })
  const step = await at.resolve()
  assert.deepEqual([step.platforms, step.contents.blobs.length, step.contents.manifests.length], [[], 1, 1])
  await assert.rejects(at.resolve({ wanted: [parsePlatform('linux/amd64')] }), {
    code: 'NO_SUCH_PLATFORM',
    message: /does not declare its platform/,
  })
})

/** Answers the first so many reads of a blob with a flipped bit. */
function flipping(image: TinyImage, times: number): Intercept {
  return ({ kind, nth }, response) => {
    if (kind !== 'blob-get' || nth > times) return false
    const bytes = Buffer.from(image.blobs[1]?.bytes ?? [])
    bytes[3] = (bytes[3] ?? 0) ^ 1
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    return true
  }
}

// E67
test('reads a config with a flipped bit once more, and only once', async () => {
  const image = tinyImage()
  await using once = await between(image, flipping(image, 1))
  assert.deepEqual((await once.resolve()).platforms, ['linux/amd64'])
  await using always = await between(image, flipping(image, 9))
  await assert.rejects(always.resolve(), { code: 'INTEGRITY', side: 'source' })
  assert.equal(always.from.count('blob-get'), 2)
})

function withForeign(): { readonly image: TinyImage; readonly layer: Descriptor } {
  const { blobs } = tinyImage()
  const [own, config] = blobs
  assert.ok(own && config)
  const layer: Descriptor = {
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    digest: `sha256:${'f'.repeat(64)}`,
    size: 99,
    urls: ['https://layers.example/x'],
  }
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: config.descriptor,
    layers: [layer, own.descriptor],
  })
  return { image: { blobs: [...blobs], manifests: [root], root }, layer }
}

// A19
test('skips and names a foreign layer, or includes it on request', async () => {
  const { image, layer } = withForeign()
  await using at = await between(image)
  const without = await at.resolve()
  assert.deepEqual(digests(without.contents.foreign), [layer.digest])
  assert.ok(!digests(without.contents.blobs).includes(layer.digest))
  const withIt = await at.resolve({ foreignLayers: true })
  assert.deepEqual(withIt.contents.foreign, [])
  assert.deepEqual(withIt.contents.blobs.find(({ digest }) => digest === layer.digest)?.urls, layer.urls)
})

test('reports a failing destination as an error of the destination', async () => {
  await using at = await between(tinyIndex(), undefined, ({ kind }, response) =>
    kind === 'manifest-head' || kind === 'manifest-get' ? refuse(response, 400, 'NAME_INVALID') : false,
  )
  await assert.rejects(at.resolve(), (error) => isMirrorError(error) && error.side === 'destination')
})

// D62
test('keeps the bytes of every manifest of the source', async () => {
  const image = tinyIndex()
  const bytes = Buffer.from(`${Buffer.from(image.root.bytes).toString()}\n\n`)
  await using at = await between({
    ...image,
    manifests: [...image.manifests.slice(0, -1), { bytes, descriptor: { ...image.root.descriptor, digest: sha256(bytes) } }],
  })
  const step = await at.resolve()
  assert.deepEqual(Buffer.from(step.contents.manifests.at(-1)?.bytes ?? []), bytes)
})

test('reads the platforms of an image that is present by GET in place of HEAD, only where they are asked for', async () => {
  const image = attested()
  await using at = await between(image)
  at.to.hold('m/a/b', '1', image)
  const step = await at.resolve({ describePresent: true })
  assert.deepEqual([step.state, step.platforms], ['present', ['linux/amd64', 'linux/arm64', 'windows/amd64']])
  assert.deepEqual(at.to.kinds(), ['manifest-get'])
  assert.deepEqual((await at.resolve()).platforms, [])
  assert.deepEqual(at.to.kinds(), ['manifest-get', 'manifest-head'])
  assert.deepEqual(at.from.kinds(), ['manifest-head', 'manifest-head'])
})

test('takes the platforms of a skipped image from the source', async () => {
  await using at = await between(attested())
  at.to.hold('m/a/b', '1', tinyImage())
  const step = await at.resolve({ ifChanged: 'skip' })
  assert.deepEqual([step.state, step.platforms], ['skipped', ['linux/amd64', 'linux/arm64', 'windows/amd64']])
})
