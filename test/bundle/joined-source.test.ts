import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BundledImage } from '../../src/bundle/bundle-record.ts'
import { JoinedSource } from '../../src/bundle/joined-source.ts'
import { isMirrorError } from '../../src/errors.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { contentsOf, type Manifest } from '../../src/oci/manifest.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { packTar } from './bundle-files.ts'
import { dockerSave, indexJson, ociLayout, type Files, type MadeImage } from './foreign-files.ts'

const name = 'docker.io/rancher/x:1'
const named = { 'io.containerd.image.name': name }
const layer = (text: string): Uint8Array => Buffer.from(text.padEnd(1024, '\0'))
const amd64: MadeImage = { tags: ['rancher/x:1'], layers: [layer('base'), layer('amd64')] }
const arm64: MadeImage = { tags: ['rancher/x:1'], architecture: 'arm64', variant: 'v8', layers: [layer('base'), layer('arm64')] }

interface Joined {
  readonly images: readonly BundledImage[]
  readonly root: Manifest
  readonly warnings: readonly string[]
  readonly blobs: readonly Buffer[]
}

/** Joins archives, and reads the first image of them with all blobs of its first manifest. */
async function join(...archives: readonly Files[]): Promise<Joined> {
  const packed = await Promise.all(archives.map(packTar))
  try {
    return await joinPaths(packed.map(({ path }) => path))
  } finally {
    for (const archive of packed) await archive[Symbol.asyncDispose]()
  }
}

async function joinPaths(paths: readonly string[]): Promise<Joined> {
  await using source = await JoinedSource.open(paths)
  const images = await source.join(source.names())
  const reference = images[0]?.reference ?? parseReference(name)
  const root = await source.getManifest(reference)
  assert.equal((await source.headManifest(reference))?.digest, root.descriptor.digest)
  let manifest = root
  for (let contents = contentsOf(root); contents.kind === 'index'; contents = contentsOf(manifest)) {
    manifest = await source.getManifest({ ...reference, digest: contents.manifests[0]?.digest ?? sha256(Buffer.alloc(0)) })
  }
  const contents = contentsOf(manifest)
  const blobs: Buffer[] = []
  if (contents.kind === 'image') {
    for (const blob of [contents.config, ...contents.layers]) {
      const chunks: Buffer[] = []
      await (await source.getBlob(reference, blob)).read((chunk) => void chunks.push(Buffer.from(chunk)))
      assert.equal(sha256(Buffer.concat(chunks)), blob.digest)
      blobs.push(Buffer.concat(chunks))
    }
  }
  return { images, root, warnings: source.warnings(), blobs }
}

test('one docker save: the manifest itself is under the tag, with the config and the layers as they lie there', async () => {
  const { images, root, warnings, blobs } = await join(dockerSave(amd64))
  assert.deepEqual(
    images.map(({ reference, digestPreserved, platforms }) => [formatReference(reference), digestPreserved, platforms]),
    [[name, false, ['linux/amd64']]],
  )
  const contents = contentsOf(root)
  assert.ok(contents.kind === 'image')
  assert.deepEqual(new Set(contents.layers.map(({ mediaType }) => mediaType)), new Set(['application/vnd.oci.image.layer.v1.tar']))
  assert.deepEqual(blobs.slice(1), amd64.layers)
  assert.deepEqual(warnings, [])
})

test('two docker saves of one tag come under one index, the same whatever their order', async () => {
  const [one, other] = [await join(dockerSave(amd64), dockerSave(arm64)), await join(dockerSave(arm64), dockerSave(amd64))]
  assert.deepEqual(one.root, other.root)
  const contents = contentsOf(one.root)
  assert.ok(contents.kind === 'index')
  assert.deepEqual(
    contents.manifests.map(({ platform }) => platform),
    [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ],
  )
  assert.equal(one.images[0]?.digestPreserved, false)
  assert.match(one.warnings[0] ?? '', /rancher\/x:1/)
})

/** An export of one platform of an index, as ctr writes it. */
function exportOf(at: number): Files {
  const all = ociLayout(amd64, arm64)
  const only = ociLayout([amd64, arm64][at] ?? amd64)
  return { ...only.files, [`blobs/sha256/${sha256(all.index).slice(7)}`]: all.index, 'index.json': indexJson(all.index, named) }
}

test('exports that together have all of an index give it back byte for byte', async () => {
  const { images, root, warnings } = await join(exportOf(0), exportOf(1))
  assert.deepEqual(Buffer.from(root.bytes), ociLayout(amd64, arm64).index)
  assert.deepEqual([images[0]?.digestPreserved, images[0]?.platforms, warnings], [true, ['linux/amd64', 'linux/arm64'], []])
})

test('an export of one platform keeps its own manifest under the tag, byte for byte, with a warning', async () => {
  const { images, root, warnings } = await join(exportOf(1))
  assert.deepEqual(Buffer.from(root.bytes), ociLayout(arm64).manifests[0]?.bytes)
  assert.deepEqual([images[0]?.digestPreserved, images[0]?.platforms], [false, ['linux/arm64']])
  assert.match(warnings.join('\n'), /rancher\/x:1/)
})

test('an index whose other child has only its manifest there is not whole, and no reader is sent to that child', async () => {
  const { manifests } = ociLayout(amd64, arm64)
  const { digest, bytes } = manifests[1] ?? { digest: '', bytes: '' }
  const { root } = await join({ ...exportOf(0), [`blobs/sha256/${digest.slice(7)}`]: bytes })
  assert.deepEqual(Buffer.from(root.bytes), manifests[0]?.bytes)
})

test('three platforms are kept, two of them from one archive: a new index', async () => {
  const arm: MadeImage = { tags: ['rancher/x:1'], architecture: 'arm', variant: 'v7', layers: [layer('arm')] }
  const { root, images } = await join(exportOf(0), exportOf(1), dockerSave(arm))
  const contents = contentsOf(root)
  assert.ok(contents.kind === 'index')
  assert.deepEqual([contents.manifests.length, images[0]?.digestPreserved], [3, false])
})

/** An index over some images, each with what the index says of its platform, and the files of those that are there. */
function indexOver(...images: readonly (readonly [image: MadeImage, platform: object, isHere: boolean])[]): Files {
  const made = images.map(([image, platform, isHere]) => ({ layout: ociLayout(image), platform, isHere }))
  const manifests = made.map(({ layout, platform }) => ({
    ...(JSON.parse(layout.index.toString()) as { readonly manifests: readonly object[] }).manifests[0],
    platform,
  }))
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }))
  const files: Files = Object.assign({}, ...made.filter(({ isHere }) => isHere).map(({ layout }) => layout.files)) as Files
  return { ...files, [`blobs/sha256/${sha256(index).slice(7)}`]: index, 'index.json': indexJson(index, named) }
}

const unknownPlatform = { os: 'unknown', architecture: 'unknown' }
const scan: MadeImage = { layers: [layer('scan')] }
const bill: MadeImage = { layers: [layer('bill')] }

test('an index with several children of unknown/unknown stays as it is, and they do not count as platforms', async () => {
  const files = indexOver(
    [amd64, { os: 'linux', architecture: 'amd64' }, true],
    [scan, unknownPlatform, true],
    [bill, unknownPlatform, true],
  )
  const { root, images, warnings } = await join(files)
  assert.equal(root.descriptor.digest, sha256(Buffer.from(files[Object.keys(files).at(-2) ?? ''] ?? '')))
  assert.deepEqual([images[0]?.platforms, images[0]?.digestPreserved, warnings], [['linux/amd64'], true, []])
})

test('in a new index the children of unknown/unknown are kept apart by their digests', async () => {
  const files = indexOver(
    [amd64, { os: 'linux', architecture: 'amd64' }, true],
    [arm64, { os: 'linux', architecture: 'arm64' }, false],
    [scan, unknownPlatform, true],
    [bill, unknownPlatform, true],
  )
  const { root, images } = await join(files)
  const contents = contentsOf(root)
  assert.ok(contents.kind === 'index')
  assert.deepEqual(
    contents.manifests.map(({ platform }) => platform?.architecture),
    ['amd64', 'unknown', 'unknown'],
  )
  assert.deepEqual(images[0]?.platforms, ['linux/amd64'])
})

test('two images of one platform under one tag are refused', async () => {
  const other = { ...amd64, layers: [layer('another')] }
  await assert.rejects(join(dockerSave(amd64), dockerSave(other)), { code: 'DESTINATION_COLLISION', message: /x:1 for linux\/amd64/ })
  const v8 = { ...arm64, layers: [layer('another')] }
  const { variant: _variant, ...plain } = arm64
  await assert.rejects(join(dockerSave(v8), dockerSave(plain)), { code: 'DESTINATION_COLLISION' })
  assert.equal((await join(dockerSave(amd64), dockerSave(amd64))).images.length, 1)
})

test('accepts full names in either annotation, and refuses a name that is only a tag', async () => {
  const { files, index } = ociLayout(amd64, arm64)
  const root = { [`blobs/sha256/${sha256(index).slice(7)}`]: index }
  const withName = (annotations: Readonly<Record<string, string>>): Promise<Joined> =>
    join({ ...files, ...root, 'index.json': indexJson(index, annotations) })
  const ref = 'org.opencontainers.image.ref.name'
  for (const annotations of [{ ...named, [ref]: '1' }, { [ref]: 'rancher/x:1' }, { [ref]: name }]) {
    const { images } = await withName(annotations)
    assert.deepEqual(
      images.map(({ reference }) => formatReference(reference)),
      [name],
    )
  }
  for (const annotations of [{ [ref]: '1' }, {}]) {
    await assert.rejects(withName(annotations), { code: 'INVALID_REFERENCE', hint: /oci-archive/ })
  }
  const { images } = await withName({ 'io.containerd.image.name': `${name}@${sha256(index)}` })
  assert.equal(images[0]?.digest, sha256(index))
})

test('a docker save without a name is refused with what to do', async () => {
  await assert.rejects(join(dockerSave({ layers: [layer('a')] })), { code: 'INVALID_REFERENCE', hint: /docker save/ })
})

test('an image that is pinned to an index of which one platform is there is refused', async () => {
  const { index } = ociLayout(amd64, arm64)
  const pinned = { 'io.containerd.image.name': `docker.io/rancher/x@${sha256(index)}` }
  await assert.rejects(join({ ...exportOf(0), 'index.json': indexJson(index, pinned) }), { code: 'UNSUPPORTED' })
})

test("what a node's containerd has is exported by tag, by digest and by CRI's id: the tag counts", async () => {
  const { index } = ociLayout(amd64, arm64)
  const names = [name, `docker.io/rancher/x@${sha256(index)}`, sha256(Buffer.from('id'))]
  const all = names.map((one) => ({ 'io.containerd.image.name': one }))
  const { images } = await join({ ...exportOf(0), 'index.json': indexJson(index, ...all) })
  assert.deepEqual(
    images.map(({ reference }) => formatReference(reference)),
    [name],
  )
  await assert.rejects(join({ ...exportOf(0), 'index.json': indexJson(index, ...all.slice(2)) }), {
    code: 'INVALID_REFERENCE',
    message: /no image .* it has only the id sha256:/,
  })
})

test('a layer of another size than its manifest says is never read', async () => {
  const { files, manifests } = ociLayout(amd64)
  const manifest = manifests[0]?.bytes ?? Buffer.alloc(0)
  const path = `blobs/sha256/${lastBlob()}`
  const longer = Buffer.concat([Buffer.from(files[path] ?? ''), Buffer.alloc(1)])
  await assert.rejects(join({ ...files, [path]: longer, 'index.json': indexJson(manifest, named) }), { code: 'INTEGRITY' })
})

const good = dockerSave(amd64)
const [config = '', first = '', second = ''] = Object.keys(good)
const without = (path: string, files: Files): Files => Object.fromEntries(Object.entries(files).filter(([at]) => at !== path))
const listed = (layers: readonly string[], configPath: string = config): Files => ({
  ...good,
  'manifest.json': JSON.stringify([{ Config: configPath, RepoTags: ['rancher/x:1'], Layers: layers }]),
})
const hostile: readonly (readonly [what: string, files: Files, code: string])[] = [
  ['a layer whose path leads out', listed([first, '../x']), 'INTEGRITY'],
  ['an absolute path', listed([first, '/etc/passwd']), 'INTEGRITY'],
  ['a config outside', listed([first, second], '../../etc/passwd'), 'INTEGRITY'],
  ['a missing layer', without(second, good), 'INTEGRITY'],
  ['a missing config', without(config, good), 'INTEGRITY'],
  ['a config of another content than its name', { ...good, [config]: configOfOther() }, 'INTEGRITY'],
  ['fewer layers than the config lists', listed([first]), 'INVALID_MANIFEST'],
  ['more layers than the config lists', listed([first, second, second]), 'INVALID_MANIFEST'],
  ['more than 1000 layers', dockerSave({ ...amd64, layers: Array.from({ length: 1001 }, () => layer('x')) }), 'INVALID_MANIFEST'],
  ['a manifest.json that is not a list', { ...good, 'manifest.json': '{}' }, 'INVALID_MANIFEST'],
  ['an index.json that is not JSON', { ...good, 'index.json': '[' }, 'INVALID_MANIFEST'],
  ['an index.json that is an image', { 'index.json': ociLayout(amd64).manifests[0]?.bytes ?? '' }, 'INVALID_MANIFEST'],
  ['a root that is not there', { 'index.json': indexJson(ociLayout(amd64).index, named) }, 'INTEGRITY'],
  ['a blob that is not there', without(`blobs/sha256/${lastBlob()}`, exportOf(0)), 'INTEGRITY'],
  [
    'a blob of one platform of two that is not there',
    without(`blobs/sha256/${lastBlob()}`, { ...exportOf(1), ...exportOf(0) }),
    'INTEGRITY',
  ],
  [
    'an image under the digest of another',
    {
      ...exportOf(0),
      'index.json': indexJson(ociLayout(amd64).index, { 'io.containerd.image.name': `docker.io/rancher/x@sha256:${'0'.repeat(64)}` }),
    },
    'INTEGRITY',
  ],
  ['no images at all', { 'readme.txt': 'hello' }, 'UNSUPPORTED'],
]

function configOfOther(): string {
  return JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: amd64.layers.map(sha256) } }, null, 1)
}

function lastBlob(): string {
  const contents = contentsOf({
    bytes: ociLayout(amd64).manifests[0]?.bytes ?? new Uint8Array(),
    descriptor: { mediaType: '', digest: 'sha256:', size: 0 },
  })
  return contents.kind === 'image' ? (contents.layers.at(-1)?.digest.slice(7) ?? '') : ''
}

for (const [what, files, code] of hostile) {
  test(`refused before anything moves: ${what}`, async () => {
    await assert.rejects(join(files), { code })
  })
}

test('a manifest.json of 100 MB is refused unread', async () => {
  await assert.rejects(join({ ...good, 'manifest.json': Buffer.alloc(100_000_000, ' ') }), {
    code: 'INVALID_MANIFEST',
    message: /larger than/,
  })
})

test('whatever stands in manifest.json and index.json, it is read or refused', async () => {
  const anything = fc.json({ maxDepth: 4 })
  await fc.assert(
    fc.asyncProperty(anything, fc.constantFrom('manifest.json', 'index.json'), async (text, path) => {
      await join({ [path]: text }).catch((error: unknown) => assert.ok(isMirrorError(error), String(error)))
    }),
    { numRuns: 60 },
  )
})
