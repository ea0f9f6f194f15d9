import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { refuse, type MemoryRegistry } from '../servers/memory-registry.ts'
import { imageEvents, twoMemories } from './two-memories.ts'

/** Fails unless the registry has the whole image, byte for byte, as `m/<path>:1`. */
function assertWhole(to: MemoryRegistry, path: string, image: TinyImage): void {
  assert.deepEqual(to.manifests.get(`m/${path}:1`)?.bytes, Buffer.from(image.root.bytes))
  for (const { bytes, descriptor } of image.manifests)
    assert.deepEqual(to.manifests.get(`m/${path}@${descriptor.digest}`)?.bytes, Buffer.from(bytes))
  for (const { bytes, descriptor } of image.blobs) assert.deepEqual(to.blobs.get(`m/${path}@${descriptor.digest}`), Buffer.from(bytes))
}

test('copies an image byte for byte, its index by tag last', async () => {
  const image = tinyIndex(['amd64', 'arm64', 's390x'])
  await using two = await twoMemories()
  const events = await two.copy([two.hold('a', image)])
  assertWhole(two.to, 'a', image)
  assert.deepEqual(imageEvents(events), ['image-started ghcr.io/a:1', 'image-copied ghcr.io/a:1'])
  const { writes } = two.to
  assert.equal(writes.at(-1), 'tag m/a:1')
  assert.equal(writes.at(-2), `manifest m/a@${image.root.descriptor.digest}`)
  for (const child of image.manifests.slice(0, -1)) {
    const contents = JSON.parse(Buffer.from(child.bytes).toString()) as { config: { digest: string }; layers: { digest: string }[] }
    const place = writes.indexOf(`manifest m/a@${child.descriptor.digest}`)
    for (const { digest } of [contents.config, ...contents.layers]) {
      const blob = writes.indexOf(`blob m/a@${digest}`)
      assert.ok(blob !== -1 && blob < place)
    }
  }
  for (const { path, kind } of two.to.requests) {
    if (kind === 'manifest-put' && !path.endsWith('/1')) assert.match(path, /manifests\/sha256:/, 'children by digest only')
  }
})

test('does not publish an index whose layer fails, and finishes the other transfers', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  const named = two.hold('a', image)
  two.from.blobs.delete(`a@${image.blobs[0]?.descriptor.digest}`)
  const events = await two.copy([named])
  assert.deepEqual(imageEvents(events), ['image-started ghcr.io/a:1', 'image-failed ghcr.io/a:1'])
  assert.equal(two.to.manifests.has('m/a:1'), false)
  assert.equal(two.to.manifests.has(`m/a@${image.root.descriptor.digest}`), false)
  assert.ok(two.to.manifests.has(`m/a@${image.manifests[1]?.descriptor.digest}`), 'the other child')
  assert.equal(two.to.count('manifest-put'), 1, 'nothing was tried above what is missing')
})

// D56
test('fetches shared blobs once, uploads them once, and mounts them', async () => {
  const layer = randomBytes(2000)
  await using two = await twoMemories()
  const images = Array.from({ length: 50 }, (_, n) => tinyImage(layer, 'amd64', { annotations: { n: `${n}` } }))
  const events = await two.copy(
    images.map((image, n) => two.hold(`a${n}`, image)),
    { jobs: 16 },
  )
  images.forEach((image, n) => assertWhole(two.to, `a${n}`, image))
  const { digest } = tinyBlob(layer).descriptor
  assert.equal(two.from.requests.filter(({ kind, path }) => kind === 'blob-get' && path.endsWith(digest)).length, 1)
  assert.equal(two.to.requests.filter(({ kind, path }) => kind === 'upload-put' && path.endsWith(digest)).length, 1)
  assert.equal(events.filter((event) => event.type === 'blob-skipped' && event.reason === 'mounted' && event.digest === digest).length, 49)
})

for (const code of ['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'MANIFEST_INVALID']) {
  test(`sends a blob again that the destination reported and then missed in the manifest (${code})`, async () => {
    const image = tinyImage(randomBytes(1_200_000))
    const [layer] = image.blobs
    await using two = await twoMemories()
    two.to.intercept = ({ kind, path, nth }, response) => {
      if (kind === 'blob-head' && path.endsWith(layer?.descriptor.digest ?? '')) return (response.writeHead(200).end(), true)
      return kind === 'manifest-put' && nth === 1 && refuse(response, code === 'BLOB_UNKNOWN' ? 404 : 400, code)
    }
    const events = await two.copy([two.hold('a', image)])
    assert.ok(imageEvents(events).includes('image-copied ghcr.io/a:1'), JSON.stringify(events.at(-1)))
    assertWhole(two.to, 'a', image)
    assert.equal(two.to.count('manifest-put'), 2)
  })
}

test('sends a lost child manifest again before the index', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  two.to.intercept = ({ kind, path }) => {
    // the children disappear just when the index comes for the first time
    if (kind === 'manifest-put' && path.endsWith('/1') && two.to.count('manifest-put') === 3) {
      for (const key of two.to.manifests.keys()) two.to.manifests.delete(key)
      two.to.blobs.clear()
    }
    return false
  }
  const events = await two.copy([two.hold('a', image)])
  assert.ok(imageEvents(events).includes('image-copied ghcr.io/a:1'))
  assertWhole(two.to, 'a', image)
})

test('writes every tag of an image with several tags in one repository', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  const named = ['1', '2', '3'].map((tag) => {
    two.from.hold('a', tag, image)
    const { source, destination } = two.hold('a', image)
    return { source: { ...source, tag }, destination: { ...destination, tag } }
  })
  await two.copy(named)
  for (const tag of ['1', '2', '3']) assert.deepEqual(two.to.manifests.get(`m/a:${tag}`)?.bytes, Buffer.from(image.root.bytes), tag)
})

test('sends only the blobs again that the destination reports missing', async () => {
  const image = tinyIndex(['amd64', 'arm64', 's390x'])
  const [, lost] = image.manifests
  assert.ok(lost)
  const [layer] = (JSON.parse(Buffer.from(lost.bytes).toString()) as { layers: { digest: string }[] }).layers
  await using two = await twoMemories()
  two.to.intercept = ({ kind, path }) => {
    if (kind === 'manifest-put' && path.endsWith('/1') && two.to.count('manifest-put') === 4) {
      two.to.manifests.delete(`m/a@${lost.descriptor.digest}`)
      two.to.blobs.delete(`m/a@${layer?.digest}`)
    }
    return false
  }
  const events = await two.copy([two.hold('a', image)])
  assert.ok(imageEvents(events).includes('image-copied ghcr.io/a:1'))
  assertWhole(two.to, 'a', image)
  const again = two.to.requests.slice(two.to.requests.findIndex(({ kind, path }) => kind === 'manifest-put' && path.endsWith('/1')) + 1)
  assert.deepEqual(
    again.filter(({ method }) => method === 'PUT').map(({ path }) => path.split(/digest=|manifests\//)[1]),
    [lost.descriptor.digest, layer?.digest, lost.descriptor.digest, '1'],
  )
})

test('writes a shared child manifest once, and each root under its own tag', async () => {
  const { blobs, root: child, manifests } = tinyImage()
  const roots = ['1', '2', '3', '4'].map((n) =>
    tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child.descriptor], annotations: { n } }),
  )
  await using two = await twoMemories()
  const named = roots.map((root, n) => {
    const name = two.hold('a', { blobs, manifests: [...manifests, root], root })
    two.from.hold('a', `t${n}`, { blobs, manifests: [...manifests, root] })
    return { source: { ...name.source, tag: `t${n}` }, destination: { ...name.destination, tag: `t${n}` } }
  })
  await two.copy(named)
  assert.equal(two.to.writes.filter((write) => write === `manifest m/a@${child.descriptor.digest}`).length, 1)
  roots.forEach((root, n) => assert.deepEqual(two.to.manifests.get(`m/a:t${n}`)?.bytes, Buffer.from(root.bytes)))
})

test('fails after a manifest was refused twice', async () => {
  await using two = await twoMemories()
  two.to.intercept = ({ kind }, response) => kind === 'manifest-put' && refuse(response, 400, 'MANIFEST_INVALID', 'no Docker types here')
  const events = await two.copy([two.hold('a', tinyImage())])
  const failed = events.find((event) => event.type === 'image-failed')
  assert.match(failed?.type === 'image-failed' ? failed.error.message : '', /no Docker types here/)
  assert.ok(two.to.count('manifest-put') <= 4)
})

// D51
test('does not send the omitted children of a sparse index', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  two.to.intercept = ({ kind, path }, response) =>
    kind === 'manifest-put' && path.endsWith('/1') && refuse(response, 400, 'MANIFEST_UNKNOWN')
  const events = await two.copy([two.hold('a', image)], { wanted: [parsePlatform('linux/amd64')], sparse: true })
  assert.ok(imageEvents(events).includes('image-failed ghcr.io/a:1'))
  assert.equal(two.to.requests.filter(({ kind, path }) => kind === 'manifest-put' && !path.endsWith('/1')).length, 1)
})

// D58
test('writes a new index for a subset of platforms', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  await two.copy([two.hold('a', image)], { wanted: [parsePlatform('linux/arm64')] })
  const document = JSON.parse(two.to.manifests.get('m/a:1')?.bytes.toString() ?? '') as { manifests: { digest: string }[] }
  assert.deepEqual(
    document.manifests.map(({ digest }) => digest),
    [image.manifests[1]?.descriptor.digest],
  )
  assert.equal(two.to.manifests.size, 3)
})

// A19
test('neither requests nor misses a foreign layer', async () => {
  const { blobs } = tinyImage()
  const [layer, config] = blobs
  assert.ok(layer && config)
  const foreign = {
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    digest: `sha256:${'f'.repeat(64)}`,
    size: 99,
    urls: ['http://127.0.0.1:1/x'],
  }
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: config.descriptor,
    layers: [foreign, layer.descriptor],
  })
  const image = { blobs, manifests: [root], root }
  await using two = await twoMemories()
  const events = await two.copy([two.hold('a', image)])
  assertWhole(two.to, 'a', image)
  assert.ok([...two.from.requests, ...two.to.requests].every(({ path }) => !path.includes(foreign.digest)))
  assert.deepEqual(
    events.filter((event) => event.type === 'blob-skipped').map((event) => [event.digest, event.reason]),
    [[foreign.digest, 'foreign']],
  )
})

test('writes nothing in a recheck of a complete image, and repairs an incomplete one', async () => {
  const image = tinyIndex()
  await using two = await twoMemories()
  const named = two.hold('a', image)
  await two.copy([named])
  two.to.forget()
  assert.deepEqual(imageEvents(await two.copy([named], { recheck: true })), ['image-started ghcr.io/a:1', 'image-up-to-date ghcr.io/a:1'])
  assert.deepEqual(two.to.writes, [])
  await using full = await twoMemories()
  full.to.hold('m/a', '1', image)
  await full.copy([full.hold('a', image)], { recheck: true })
  assert.deepEqual(new Set(full.to.kinds()), new Set(['manifest-head', 'blob-head']), 'nothing but HEAD')
  await using again = await twoMemories()
  again.to.hold('m/a', '1', image)
  again.to.blobs.delete(`m/a@${image.blobs[1]?.descriptor.digest}`)
  assert.ok(imageEvents(await again.copy([again.hold('a', image)], { recheck: true })).includes('image-copied ghcr.io/a:1'))
  assertWhole(again.to, 'a', image)
  assert.deepEqual(again.to.writes, [`blob m/a@${image.blobs[1]?.descriptor.digest}`])
})

// D56
test('copies and reports a layer of several manifests once', async () => {
  const layer = randomBytes(3000)
  const children = ['amd64', 'arm64', 's390x'].map((architecture) => tinyImage(layer, architecture))
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: children.map((child) => child.root.descriptor) })
  const image = { blobs: children.flatMap(({ blobs }) => blobs), manifests: [...children.map((child) => child.root), root], root }
  await using two = await twoMemories()
  const events = await two.copy([two.hold('a', image)])
  assertWhole(two.to, 'a', image)
  const { digest } = tinyBlob(layer).descriptor
  const about = events.filter(
    (event) => event.type.startsWith('blob-') && event.type !== 'blob-progressed' && 'digest' in event && event.digest === digest,
  )
  assert.deepEqual(
    about.map(({ type }) => type),
    ['blob-copied'],
  )
})

test('reports progress during the copy, and each blob as copied exactly once', async () => {
  const image = tinyImage(randomBytes(3_000_000))
  await using two = await twoMemories()
  const events = await two.copy([two.hold('a', image)])
  const copied = events.filter((event) => event.type === 'blob-copied').map(({ digest }) => digest)
  assert.deepEqual(new Set(copied).size, copied.length)
  const [layer] = image.blobs
  const progress = events.flatMap((event) =>
    event.type === 'blob-progressed' && event.digest === layer?.descriptor.digest ? [event.bytes] : [],
  )
  assert.ok(progress.length > 0 && progress.every((bytes) => bytes > 0 && bytes <= 3_000_000))
})
