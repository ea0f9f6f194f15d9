import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Content } from '../../src/async/content.ts'
import { manifestOf, type Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { atDigest, parseReference } from '../../src/oci/reference.ts'
import { bytesOf, contentOf, tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyBlob, type TinyImage } from '../layout/tiny-image.ts'
import { putBlob } from '../oci/put-blob.ts'
import { places, type Place } from './places.ts'

const reference = parseReference('registry.example/team/image:1')
const other = parseReference('registry.example/team/other:1')
const absent = `sha256:${'0'.repeat(64)}` as const

function put({ destination }: Place, { bytes, descriptor }: TinyBlob, repository = reference, signal?: AbortSignal): Promise<boolean> {
  return putBlob(destination, repository, descriptor, () => Promise.resolve(contentOf(bytes)), { signal })
}

/** Stores an image as a copy does: blobs, children by digest, the root under the reference. */
async function store(place: Place, image: TinyImage, under = reference): Promise<void> {
  for (const blob of image.blobs) await put(place, blob, under)
  for (const child of image.manifests.slice(0, -1)) await place.destination.putManifest(atDigest(under, child.descriptor.digest), child)
  await place.destination.putManifest(under, image.root)
}

async function isStored({ source, destination }: Place, manifest: Manifest, under = reference): Promise<void> {
  const { digest, mediaType, size } = manifest.descriptor
  for (const name of [under, atDigest(under, digest)]) {
    for (const end of [source, destination]) assert.deepEqual(await end.headManifest(name), { mediaType, digest, size })
    const read = await source.getManifest(name)
    assert.deepEqual(Buffer.from(read.bytes), Buffer.from(manifest.bytes))
    assert.deepEqual(read.descriptor, { mediaType, digest, size })
  }
}

const blob = tinyBlob(randomBytes(100_000))

/** What every place does. */
const behaviours: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  'has nothing at first': async ({ source, destination }) => {
    for (const name of [reference, atDigest(reference, absent)]) {
      assert.equal(await source.headManifest(name), undefined)
      assert.equal(await destination.headManifest(name), undefined)
      await assert.rejects(source.getManifest(name), { code: 'NOT_FOUND' })
    }
    assert.equal(await destination.headBlob(reference, blob.descriptor), false)
    await assert.rejects(source.getBlob(reference, blob.descriptor), { code: 'NOT_FOUND' })
  },

  'gives back an image byte for byte, by tag and by digest': async (place) => {
    const image = tinyImage()
    await store(place, image)
    await isStored(place, image.root)
    for (const { bytes, descriptor } of image.blobs)
      assert.deepEqual(await bytesOf(await place.source.getBlob(reference, descriptor)), Buffer.from(bytes))
  },

  'gives back an index and its children': async (place) => {
    const image = tinyIndex()
    await store(place, image)
    await isStored(place, image.root)
    for (const child of image.manifests)
      assert.deepEqual((await place.source.getManifest(atDigest(reference, child.descriptor.digest))).descriptor, child.descriptor)
    const [first] = image.manifests
    assert.equal((await place.source.headManifest({ ...reference, tag: 'none' }))?.digest, undefined)
    assert.ok(first && (await place.destination.headManifest(atDigest(reference, first.descriptor.digest))))
  },

  'keeps Docker media types': async (place) => {
    const layer = tinyBlob(randomBytes(100), 'application/vnd.docker.image.rootfs.diff.tar.gzip')
    const config = tinyBlob(Buffer.from('{"architecture":"amd64","os":"linux"}'), 'application/vnd.docker.container.image.v1+json')
    const child = tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
    })
    const root = tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.dockerList,
      manifests: [{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }],
    })
    await store(place, { blobs: [layer, config], manifests: [child, root], root })
    await isStored(place, root)
    assert.equal(
      (await place.source.getManifest(atDigest(reference, child.descriptor.digest))).descriptor.mediaType,
      mediaTypes.dockerManifest,
    )
  },

  // D62
  'keeps white space and a newline at the end': async (place) => {
    const image = tinyImage()
    const root = manifestOf(Buffer.from(`${JSON.stringify(JSON.parse(Buffer.from(image.root.bytes).toString()), undefined, 5)}\n\n`))
    await store(place, { ...image, root, manifests: [root] })
    await isStored(place, root)
  },

  // D59, D60
  'takes an artifact with an empty config, no layers and a subject that is not there': async (place) => {
    const config = tinyBlob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json')
    const subject = { mediaType: mediaTypes.ociManifest, digest: absent, size: 7 }
    const root = tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'application/x',
      config: config.descriptor,
      layers: [],
      subject,
    })
    await store(place, { blobs: [config], manifests: [root], root })
    await isStored(place, root)
  },

  'reads a blob from any offset': async (place) => {
    await put(place, blob)
    const { bytes, descriptor } = blob
    for (const offset of [0, 1, 50_000, bytes.length - 1]) {
      const content = await place.source.getBlob(reference, descriptor, { offset })
      assert.equal(content.size, bytes.length - offset)
      assert.deepEqual(await bytesOf(content), Buffer.from(bytes.subarray(offset)))
    }
  },

  // E73
  'takes a blob of no bytes': async (place) => {
    const empty = tinyBlob(Buffer.alloc(0))
    await put(place, empty)
    assert.equal(await place.destination.headBlob(reference, empty.descriptor), true)
    assert.equal((await bytesOf(await place.source.getBlob(reference, empty.descriptor))).length, 0)
  },

  'reads on after content was given up or its reader failed': async (place) => {
    await put(place, blob)
    for (let n = 0; n < 20; n++) (await place.source.getBlob(reference, blob.descriptor)).cancel()
    const failing = await place.source.getBlob(reference, blob.descriptor)
    await assert.rejects(
      failing.read(() => Promise.reject(new Error('enough'))),
      /enough/,
    )
    assert.deepEqual(await bytesOf(await place.source.getBlob(reference, blob.descriptor)), Buffer.from(blob.bytes))
  },

  'waits for a reader that takes its time, whose chunks stay as they are meanwhile': async (place) => {
    const large = tinyBlob(randomBytes(2_000_000))
    await put(place, large)
    const content = await place.source.getBlob(reference, large.descriptor)
    const chunks: Buffer[] = []
    await content.read(async (chunk) => {
      await new Promise((resolve) => setImmediate(resolve))
      chunks.push(Buffer.from(chunk))
    })
    assert.deepEqual(Buffer.concat(chunks), Buffer.from(large.bytes))
  },

  // E67
  'refuses bytes that do not have the digest, and shows nothing of them': async (place) => {
    const wrong = { descriptor: blob.descriptor, bytes: randomBytes(blob.bytes.length) }
    await assert.rejects(put(place, wrong), { code: 'INTEGRITY' })
    assert.equal(await place.destination.headBlob(reference, blob.descriptor), false)
    await put(place, blob)
    assert.deepEqual(await bytesOf(await place.source.getBlob(reference, blob.descriptor)), Buffer.from(blob.bytes))
  },

  'shows nothing of content that breaks off': async (place) => {
    const broken: Content = {
      ...contentOf(blob.bytes),
      read: async (sink) => {
        await sink(blob.bytes.subarray(0, 60_000))
        throw new Error('the source broke')
      },
    }
    await assert.rejects(putBlob(place.destination, reference, blob.descriptor, () => Promise.resolve(broken)))
    await assert.rejects(
      putBlob(place.destination, reference, blob.descriptor, () => Promise.reject(new Error('no source'))),
      /no source/,
    )
    assert.equal(await place.destination.headBlob(reference, blob.descriptor), false)
  },

  'takes the same blob and the same manifest again': async (place) => {
    const image = tinyImage()
    await store(place, image)
    await store(place, image)
    await Promise.all(Array.from({ length: 5 }, () => put(place, blob)))
    await isStored(place, image.root)
    assert.equal(await place.destination.headBlob(reference, blob.descriptor), true)
  },

  'distinguishes a blob of another size': async (place) => {
    await put(place, blob)
    assert.equal(await place.destination.headBlob(reference, { ...blob.descriptor, size: 7 }), false)
  },

  // F104
  'mounts a blob of another repository, or has it put': async (place) => {
    await put(place, blob, other)
    assert.deepEqual(await place.destination.offerBlob(reference, blob.descriptor, { from: other }), { kind: 'mounted' })
    assert.equal(await place.destination.headBlob(reference, blob.descriptor), true)
    const unknown = tinyBlob(randomBytes(500))
    const offered = await place.destination.offerBlob(reference, unknown.descriptor, { from: other })
    assert.ok(offered.kind === 'upload')
    assert.equal(await offered.upload.put(() => Promise.resolve(contentOf(unknown.bytes))), true)
    assert.deepEqual(await bytesOf(await place.source.getBlob(reference, unknown.descriptor)), Buffer.from(unknown.bytes))
  },

  'moves a tag and keeps what it named before': async (place) => {
    const [before, after] = [tinyImage(), tinyImage()]
    await store(place, before)
    await store(place, after)
    await isStored(place, after.root)
    assert.deepEqual(
      (await place.source.getManifest(atDigest(reference, before.root.descriptor.digest))).descriptor,
      before.root.descriptor,
    )
  },

  // A8
  'stores a pinned image under its tag and its digest': async (place) => {
    const image = tinyImage()
    const pinned = { ...reference, digest: image.root.descriptor.digest }
    await store(place, image, pinned)
    await isStored(place, image.root)
    assert.equal((await place.source.headManifest(pinned))?.digest, image.root.descriptor.digest)
  },

  'keeps repositories apart': async (place) => {
    await store(place, tinyImage())
    assert.equal(await place.source.headManifest(other), undefined)
  },

  'stores nothing once it is aborted': async (place) => {
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(put(place, blob, reference, signal))
    assert.equal(await place.destination.headBlob(reference, blob.descriptor), false)
  },
}

for (const [place, start] of Object.entries(places)) {
  for (const [behaviour, check] of Object.entries(behaviours)) {
    test(`${place} ${behaviour}`, async (t) => {
      await using started = await start(t)
      if (started !== undefined) await check(started)
    })
  }
}
