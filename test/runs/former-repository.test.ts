import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { formerRepository } from '../../src/runs/former-repository.ts'
import { mirrorToMany } from '../../src/runs/mirror-to-many.ts'
import { mirror } from '../../src/runs/mirror.ts'
import { readNaming, type MirrorOptions } from '../../src/runs/options.ts'
import { planImages } from '../../src/runs/plan-images.ts'
import { tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry, refuse, type MemoryRegistry } from '../servers/memory-registry.ts'
import { requireServer } from '../servers/require-server.ts'

/** An image with a layer that is too large to be looked up by a mount. */
function largeImage(): TinyImage {
  const image = tinyImage(randomBytes(1_200_000))
  const entry = { ...image.root.descriptor, platform: { os: 'linux', architecture: 'amd64' } }
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] })
  return { blobs: image.blobs, manifests: [image.root, root], root }
}

/** The images of a release. */
const images: ReadonlyMap<string, TinyImage> = new Map([
  ['klipper-lb', tinyIndex()],
  ['mirrored-library-traefik', largeImage()],
  ['mirrored-pause', tinyIndex(['amd64', 'arm64', 'arm'])],
])
const names = (place: string): readonly string[] => [...images.keys()].map((name) => `${place}/${name}:1`)
const before = names('docker.io/rancher')
const since = names('ghcr.io/k3s-io')
const manifestBytes = [...images.values()].flatMap(({ manifests }) => manifests).reduce((sum, { bytes }) => sum + bytes.length, 0)
const blobs = new Set([...images.values()].flatMap((image) => image.blobs.map(({ descriptor }) => descriptor.digest)))

interface World extends AsyncDisposable {
  readonly from: MemoryRegistry
  readonly to: MemoryRegistry
  readonly options: (references: readonly string[], more?: Partial<MirrorOptions>) => MirrorOptions
  readonly copy: (references: readonly string[], more?: Partial<MirrorOptions>) => Promise<MirrorReport>
}

/** A source with the same images under both names, and an empty destination. */
async function world(): Promise<World> {
  const from = await memoryRegistry()
  const to = await memoryRegistry()
  for (const [name, image] of images) for (const place of ['rancher', 'k3s-io', 'acme']) from.hold(`${place}/${name}`, '1', image)
  const options: World['options'] = (references, more) => ({ references, from: { '*': from.url }, to: `${to.url}/m`, ...more })
  return {
    from,
    to,
    options,
    async copy(references, more) {
      const report = await mirror(options(references, more)).report
      assert.deepEqual([report.totals.failed, report.totals.images], [0, references.length])
      return report
    },
    async [Symbol.asyncDispose]() {
      await from[Symbol.asyncDispose]()
      await to[Symbol.asyncDispose]()
    },
  }
}

test('asks an empty destination once for each former repository, and sends no other request', async () => {
  const requests = async (references: readonly string[]): Promise<readonly (readonly string[])[]> => {
    await using at = await world()
    await at.copy(references, { jobs: 1 })
    // An upload of a large blob is opened by the attempt to mount it.
    const kinds = (registry: MemoryRegistry) => registry.kinds().map((kind) => (kind === 'mount' ? 'upload-post' : kind))
    return [at.from, at.to].map((registry) => kinds(registry).toSorted())
  }
  const [asked, others] = [await requests(since), await requests(names('ghcr.io/acme'))]
  assert.deepEqual(asked, [others[0], [...(others[1] ?? []), ...since.map(() => 'tags')].toSorted()])
})

test('uploads nothing again that an interrupted run has left in a new repository', async () => {
  await using at = await world()
  for (const [name, image] of images) {
    for (const { descriptor, bytes } of image.blobs) at.to.blobs.set(`m/k3s-io/${name}@${descriptor.digest}`, Buffer.from(bytes))
  }
  await at.copy(since)
  assert.deepEqual([at.from.count('blob-get'), at.to.count('upload-put')], [0, 0])
})

test('mounts the blobs of a release from where the destination has had them before the move', async () => {
  await using at = await world()
  await at.copy(before)
  at.from.forget()
  at.to.forget()
  const { totals } = await at.copy(since)
  assert.deepEqual([at.from.count('blob-get'), totals.bytesCopied], [0, manifestBytes])
  assert.deepEqual([at.to.count('mount'), at.to.count('upload-post'), at.to.count('upload-put')], [blobs.size, 0, 0])
  // A large blob is looked up first.
  assert.equal(at.to.count('blob-head'), 1)
})

test('reads each blob of two releases once, and uploads it once', async () => {
  for (const references of [
    [...before, ...since],
    [...since, ...before],
  ]) {
    await using at = await world()
    await at.copy(references)
    assert.deepEqual([at.from.count('blob-get'), at.to.count('upload-put')], [blobs.size, blobs.size])
  }
})

test('mounts the blobs also where the earlier release is selected too, or one image is there already', async () => {
  for (const [first, second] of [
    [before, [...before, ...since]],
    [[...before, ...since.slice(0, 1)], since],
  ] as const) {
    await using at = await world()
    await at.copy(first)
    at.from.forget()
    await at.copy(second)
    assert.equal(at.from.count('blob-get'), 0)
  }
})

test('uploads the blobs that are at neither name', async () => {
  await using at = await world()
  await at.copy(before.slice(0, 1))
  at.from.forget()
  await at.copy(since)
  const missing = [...images.values()].slice(1).flatMap((image) => image.blobs)
  assert.equal(at.from.count('blob-get'), missing.length)
})

test('uploads the blobs where the registry does not allow the mount', async () => {
  await using at = await world()
  await at.copy(before)
  at.from.forget()
  at.to.intercept = ({ kind }, response) => {
    if (kind !== 'mount') return false
    response.writeHead(403).end()
    return true
  }
  await at.copy(since)
  assert.equal(at.from.count('blob-get'), blobs.size)
})

test('a plan predicts what is mounted', async () => {
  await using at = await world()
  await at.copy(before.slice(0, 2))
  const { totals } = await planImages(at.options(since))
  const copied = await at.copy(since)
  assert.equal(copied.totals.bytesCopied, totals.bytesToMove)
  assert.ok(totals.bytesToMount > 1_200_000)
})

test('a plan and a mirror upload the blobs where the destination fails for the former repositories', async () => {
  await using at = await world()
  await at.copy(before)
  const more = { retry: { retries: 0 } }
  at.to.intercept = ({ path }, response) => path.includes('/m/rancher/') && refuse(response, 500, 'UNKNOWN')
  const { totals } = await planImages(at.options(since, more))
  const copied = await at.copy(since, more)
  assert.deepEqual([totals.failed, totals.bytesToMount, totals.bytesToMove], [0, 0, copied.totals.bytesCopied])
})

test('each of several destinations mounts from its own repositories, and the source is read once for the others', async () => {
  await using at = await world()
  await using empty = await memoryRegistry()
  await at.copy(before)
  at.from.forget()
  const { destinations } = await mirrorToMany({ ...at.options(since), to: [`${at.to.url}/m`, `${empty.url}/m`] }).report
  assert.deepEqual(
    destinations.map(({ totals }) => totals.failed),
    [0, 0],
  )
  assert.ok(at.from.count('blob-get') <= blobs.size)
  assert.equal(at.to.count('upload-put'), blobs.size)
})

test('both names may become one, as long as they have the same content', async () => {
  await using at = await world()
  await at.copy([...before, ...since], { flatten: true })
  assert.equal(at.to.count('upload-put'), blobs.size)
  at.from.hold('k3s-io/klipper-lb', '1', tinyIndex())
  await assert.rejects(mirror(at.options([...before, ...since], { flatten: true })).report, {
    code: 'DESTINATION_COLLISION',
    message: /^docker\.io\/rancher\/klipper-lb:1 and ghcr\.io\/k3s-io\/klipper-lb:1 are different images/,
    hint: /options\.flatten/,
  })
})

test('docker-registry mounts every blob of the moved images', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using at = await world()
  await using to = await startDockerRegistry()
  await at.copy(before, { to: `${to.url}/m` })
  at.from.forget()
  const { totals } = await at.copy(since, { to: `${to.url}/m` })
  assert.deepEqual([at.from.count('blob-get'), totals.bytesCopied], [0, manifestBytes])
})

test('the former repository is named by the same rules as the image', async () => {
  const former = async (image: string, options: Parameters<typeof readNaming>[0], prefix = 'm'): Promise<string | undefined> =>
    formerRepository(parseReference(image), await readNaming(options), { registry: 'reg.example.com', prefix })?.path
  assert.equal(await former(since[0] ?? '', {}), 'm/rancher/klipper-lb')
  assert.equal(await former(since[0] ?? '', { rewrite: ['^rancher/(.*)=old/$1'] }), 'm/old/klipper-lb')
  // The name is the same, or not valid.
  assert.equal(await former(since[0] ?? '', { flatten: true }), undefined)
  assert.equal(await former(since[0] ?? '', { rewrite: ['^rancher/(.*)=k3s-io/$1'] }), undefined)
  assert.equal(await former(since[0] ?? '', { rewrite: ['^rancher/(.*)=OLD/$1'] }), undefined)
  assert.equal(await former(before[0] ?? '', {}), undefined)
})
