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

test('an image that the destination has costs one HEAD on either side', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  at.to.hold('m/a/b', '1', image)
  const step = await at.resolve()
  assert.equal(step.state, 'present')
  assert.deepEqual(step.root, image.root.descriptor)
  assert.deepEqual(step.contents, { manifests: [], blobs: [], foreign: [] })
  assert.deepEqual([...at.from.kinds(), ...at.to.kinds()], ['manifest-head', 'manifest-head'])
})

test('a new image is read once, children before the index, each blob once', async () => {
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

test('an image with another digest at the destination is changed', async () => {
  await using at = await between(tinyIndex())
  at.to.hold('m/a/b', '1', tinyIndex())
  assert.equal((await at.resolve()).state, 'changed')
})

test('a present image is walked in a recheck', async () => {
  const image = tinyIndex()
  await using at = await between(image)
  at.to.hold('m/a/b', '1', image)
  const step = await at.resolve({ recheck: true })
  assert.equal(step.state, 'present')
  assert.equal(step.contents.manifests.length, 3)
})

test('the tags that are spelled most like the missing one are named', async () => {
  const tags = ['v9.9.9', 'v1.2.3', 'latest', 'v1.2.4', 'v1.2.5']
  await using at = await between(tinyIndex(), ({ path }, response) => {
    if (!path.includes('/tags/list')) return undefined
    response.end(JSON.stringify({ name: 'a/b', tags }))
    return true
  })
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:v1.2.2') }), {
    code: 'NOT_FOUND',
    hint: 'did you mean v1.2.3, v1.2.4, v1.2.5?',
  })
})

test('a registry that lists no tags leaves it at the name', async () => {
  await using at = await between(tinyIndex(), ({ path }, response) =>
    path.includes('/tags/list') ? refuse(response, 404, 'NAME_UNKNOWN') : undefined,
  )
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:2') }), {
    code: 'NOT_FOUND',
    hint: /^check the name/,
  })
})

test('an absent image is NOT_FOUND at the source', async () => {
  await using at = await between(tinyIndex())
  await assert.rejects(at.resolve({}, { ...named, source: parseReference('docker.io/a/b:2') }), {
    code: 'NOT_FOUND',
    side: 'source',
    message: /docker.io\/a\/b:2 does not exist: there is no tag 2/,
  })
})

// A8
test('a pinned digest decides what is read, and the tag is what is looked for at the destination', async () => {
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
test('a tag that moves between HEAD and GET: what HEAD named is what is copied', async () => {
  const [before, after] = [tinyIndex(), tinyIndex()]
  await using at = await between(before, ({ kind }) => {
    if (kind === 'manifest-get') at.from.hold('a/b', '1', after)
    return false
  })
  const step = await at.resolve()
  assert.equal(step.root.digest, before.root.descriptor.digest)
  assert.ok(
    at.from.requests.filter(({ kind }) => kind === 'manifest-get').every(({ path }) => path.includes('sha256:')),
    'by digest alone',
  )
})

for (const what of ['leads nowhere', 'leads to other bytes'] as const) {
  // D49, D63
  test(`a HEAD whose digest ${what} is wrong: the digest of the GET is used everywhere`, async () => {
    const image = tinyIndex()
    const wrong = `sha256:${'0'.repeat(64)}`
    await using at = await between(image, ({ kind, path }, response) => {
      if (kind === 'manifest-head') {
        response.writeHead(200, { 'docker-content-digest': wrong, 'content-type': mediaTypes.ociIndex, 'content-length': 5 }).end()
        return true
      }
      if (what === 'leads nowhere' || !path.endsWith(wrong)) return false
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
test('an index with a missing child is refused, and read with a subset that is there', async () => {
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
test('nested indexes are walked to a depth of three, deeper is refused', async () => {
  await using three = await between(nest(tinyImage(), 3))
  assert.equal((await three.resolve()).contents.manifests.length, 4)
  await using four = await between(nest(tinyImage(), 4))
  await assert.rejects(four.resolve(), { code: 'INVALID_MANIFEST', message: /nests indexes more than 3 deep/ })
})

// D52
test('a manifest that is reached on several ways is read once', async () => {
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
test('an index that claims to be its own child ends', async () => {
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

test('duplicate children are read once, and the index keeps its bytes', async () => {
  const image = tinyImage()
  const twice = indexOver([image, image], () => platform('linux/amd64'))
  await using at = await between(twice)
  const step = await at.resolve()
  assert.equal(step.contents.manifests.length, 2)
  assert.equal(at.from.count('manifest-get'), 2)
  assert.deepEqual(Buffer.from(step.contents.manifests[1]?.bytes ?? []), twice.root.bytes)
  assert.deepEqual(step.platforms, ['linux/amd64'])
})

test('a child of another size than the index says is refused', async () => {
  await using at = await between(indexOver([tinyImage()], (root) => ({ size: root.descriptor.size + 1 })))
  await assert.rejects(at.resolve(), { code: 'INVALID_MANIFEST', message: /declares \d+ bytes for sha256/, side: 'source' })
})

test('one blob with two sizes is refused', async () => {
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
test('a layer that stands in a manifest twice is carried once', async () => {
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
test('without a choice of platforms attestations and Windows are carried too', async () => {
  const image = attested()
  await using at = await between(image)
  const step = await at.resolve()
  assert.equal(step.contents.manifests.length, 6)
  assert.deepEqual(step.platforms, ['linux/amd64', 'linux/arm64', 'windows/amd64'])
  assert.equal(step.digestPreserved, true)
})

// D57, D58
test('a subset makes a new index, with the attestations about what it keeps, and says that its digest is new', async () => {
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

test('a subset that is there already is present', async () => {
  const image = attested()
  await using at = await between(image)
  const wanted = [parsePlatform('linux/arm64')]
  const { contents, root } = await at.resolve({ wanted })
  at.to.hold('m/a/b', '1', { blobs: [], manifests: contents.manifests })
  const again = await at.resolve({ wanted })
  assert.deepEqual([again.state, again.root.digest, again.contents.manifests.length], ['present', root.digest, 0])
})

test('a choice that takes everything leaves the index as it is, however it is written', async () => {
  const image = tinyIndex()
  const root = manifestOf(Buffer.from(JSON.stringify(JSON.parse(Buffer.from(image.root.bytes).toString()), undefined, 2)))
  await using at = await between({ ...image, manifests: [...image.manifests.slice(0, -1), root], root })
  const step = await at.resolve({ wanted: [parsePlatform('linux/arm64'), parsePlatform('linux/amd64')] })
  assert.deepEqual([step.digestPreserved, step.root.digest], [true, root.descriptor.digest])
})

// D51
test('a sparse copy keeps the index byte for byte and leaves the other children out', async () => {
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
test('a platform that is not there is named, with those that are', async () => {
  await using at = await between(attested())
  await assert.rejects(at.resolve({ wanted: [parsePlatform('linux/s390x')] }), {
    code: 'NO_SUCH_PLATFORM',
    message: /no image for linux\/s390x; available: linux\/amd64, linux\/arm64, windows\/amd64/,
  })
})

test('an image without an index says its platform in its config, which is read once and kept', async () => {
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
test('an artifact whose config is no image config is carried, and has no platform to choose', async () => {
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
test('a config with a flipped bit gets one more chance, and no other', async () => {
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
test('a foreign layer is left out and named, or carried where it is asked for', async () => {
  const { image, layer } = withForeign()
  await using at = await between(image)
  const without = await at.resolve()
  assert.deepEqual(digests(without.contents.foreign), [layer.digest])
  assert.ok(!digests(without.contents.blobs).includes(layer.digest))
  const withIt = await at.resolve({ foreignLayers: true })
  assert.deepEqual(withIt.contents.foreign, [])
  assert.deepEqual(withIt.contents.blobs.find(({ digest }) => digest === layer.digest)?.urls, layer.urls)
})

test('a destination that cannot be asked is an error of that side', async () => {
  await using at = await between(tinyIndex(), undefined, ({ kind }, response) =>
    kind === 'manifest-head' || kind === 'manifest-get' ? refuse(response, 400, 'NAME_INVALID') : false,
  )
  await assert.rejects(at.resolve(), (error) => isMirrorError(error) && error.side === 'destination')
})

// D62
test('the bytes of every manifest are those of the source', async () => {
  const image = tinyIndex()
  const bytes = Buffer.from(`${Buffer.from(image.root.bytes).toString()}\n\n`)
  await using at = await between({
    ...image,
    manifests: [...image.manifests.slice(0, -1), { bytes, descriptor: { ...image.root.descriptor, digest: sha256(bytes) } }],
  })
  const step = await at.resolve()
  assert.deepEqual(Buffer.from(step.contents.manifests.at(-1)?.bytes ?? []), bytes)
})
