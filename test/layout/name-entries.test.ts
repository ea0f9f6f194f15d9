import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseGivenName } from '../../src/layout/entry-name.ts'
import { nameEntries, type NamedEntries } from '../../src/layout/name-entries.ts'
import { formatReference } from '../../src/oci/reference.ts'
import { attestationOf, cosignTag, entryOf, sbomOf, signatureOf, tinyArtifact } from './layout-files.ts'
import { tinyImage, tinyIndex, type TinyImage } from './tiny-image.ts'

const image = tinyImage()
const full = 'docker.io/rancher/x:1'
const named = (name: string): Record<string, string> => ({ 'io.containerd.image.name': name })
const bare = (name: string): Record<string, string> => ({ 'org.opencontainers.image.ref.name': name })
const kind = (what: string, name = full): Record<string, string> => ({ kind: what, ...named(name), ...bare('rancher/x:1') })

function find(images: readonly TinyImage[], entries: readonly unknown[], name?: string): Promise<NamedEntries> {
  const contents = new Map(
    images.flatMap(({ blobs, manifests }) => [...blobs, ...manifests].map((one) => [one.descriptor.digest, one.bytes])),
  )
  return nameEntries(entries, {
    read: ({ digest }) => Promise.resolve(contents.get(digest)),
    name: parseGivenName(name),
  })
}

/** The names that entries get, and why others get none. */
async function names(images: readonly TinyImage[], entries: readonly unknown[], name?: string): Promise<readonly string[]> {
  const found = await find(images, entries, name)
  return [...found.named.map(({ reference }) => formatReference(reference)), ...found.skipped.map(({ why }) => why)]
}

for (const [what, annotations, expected] of [
  ['a whole name', named(full), full],
  ['a whole name without a registry', bare('rancher/x:1'), full],
  ['a name of hauler, which spells Docker Hub by its index', named('index.docker.io/rancher/x:1'), full],
  ['a malformed name of containerd and a whole one', { ...named('Not A Name'), ...bare(full) }, full],
  ['a bare tag', bare('3.20'), 'it is named only by the tag 3.20'],
  ['a bare tag with the date of an import', named('import-2024-05-01:3.20'), 'it is named only by the tag 3.20'],
  [
    'the date of an import',
    named(`import-2024-05-01@${image.root.descriptor.digest}`),
    'it has only the name import-2024-05-01, which ctr made up',
  ],
  ['an id', named(`sha256:${'a'.repeat(64)}`), `it has only the id sha256:${'a'.repeat(64)}`],
  ['<none>', named('<none>:<none>'), 'it has no name, only <none>:<none>'],
  ['nothing', {}, 'it has no name'],
  ['no annotations', undefined, 'it has no name'],
  ['a malformed name', named('docker.io/A b'), /^invalid image reference "docker.io\/A b"/],
  [
    'the digest of something else',
    named(`docker.io/x/y@sha256:${'b'.repeat(64)}`),
    /its name is docker.io\/x\/y@sha256:b+, which has another digest/,
  ],
] as const) {
  test(`an entry with ${what}`, async () => {
    const [name, ...more] = await names([image], [entryOf(image, annotations)])
    assert.deepEqual(more, [])
    if (typeof expected === 'string') assert.equal(name, expected)
    else assert.match(name ?? '', expected)
  })
}

test('skips only the entries that are not descriptors of a manifest', async () => {
  const odd = [
    7,
    null,
    { ...image.root.descriptor, digest: 'md5:00' },
    { ...image.root.descriptor, size: -1 },
    { ...image.root.descriptor, mediaType: 'text/plain' },
    { ...image.root.descriptor, annotations: 'x' },
  ]
  const found = await find([image], [...odd, entryOf(image, named(full))])
  assert.deepEqual(
    found.named.map(({ reference, at }) => [formatReference(reference), at]),
    [[full, 6]],
  )
  assert.deepEqual(
    found.skipped.map(({ why }) => why),
    [
      'it has no digest that is supported',
      'it has no digest that is supported',
      'it has no digest that is supported',
      'it has no valid size',
      'its type is "text/plain", not that of a manifest',
    ],
  )
})

test('an id, and a digest, of content that another entry names are not reported', async () => {
  const { digest } = image.root.descriptor
  const all = [named(full), named(`docker.io/rancher/x@${digest}`), named(`sha256:${'a'.repeat(64)}`), {}]
  const found = await find(
    [image],
    all.map((annotations) => entryOf(image, annotations)),
  )
  assert.deepEqual([found.named.length, found.skipped], [2, []])
})

test('children that oras lists without a name are parts of their index, and referrers go with what they are about', async () => {
  const index = tinyIndex()
  const subject = { subject: index.root.descriptor, artifactType: 'application/x' }
  const [signature, childScan, stray] = [
    tinyArtifact(Buffer.from('a'), 'text/a', subject),
    tinyArtifact(Buffer.from('b'), 'text/b', { subject: index.manifests[0]?.descriptor }),
    tinyArtifact(Buffer.from('c'), 'text/c', { subject: image.root.descriptor }),
  ]
  const children = index.manifests.slice(0, -1).map(({ descriptor }) => descriptor)
  const images = [index, signature, childScan, stray]
  const found = await find(images, [entryOf(index, named(full)), ...children, entryOf(signature), entryOf(childScan), entryOf(stray)])
  const { digest } = index.root.descriptor
  assert.deepEqual(
    found.named.map(({ reference, about }) => [formatReference(reference), about]),
    [
      [full, undefined],
      [`docker.io/rancher/x@${signature?.root.descriptor.digest}`, digest],
      [`docker.io/rancher/x@${childScan?.root.descriptor.digest}`, digest],
    ],
  )
  assert.deepEqual(found.skipped, [{ entry: stray?.root.descriptor.digest, why: 'it has no name' }])
})

for (const prefix of ['dev.hauler', 'dev.cosignproject.cosign']) {
  test(`signatures, attestations and SBOMs of ${prefix} get the tags by which cosign finds them`, async () => {
    const index = tinyIndex()
    const { digest } = index.root.descriptor
    const child = index.manifests[0] ?? index.root
    const companions = [signatureOf(digest), attestationOf(digest), sbomOf(), signatureOf(child.descriptor.digest), sbomOf()] as const
    const [sig, att, sbom, childSig, referrer] = companions
    const entries = [
      entryOf(sig, kind(`${prefix}/sigs`)),
      entryOf(index, kind(`${prefix}/imageIndex`)),
      entryOf(att, kind(`${prefix}/atts`)),
      entryOf(sbom, kind(`${prefix}/sboms`)),
      entryOf(childSig, kind(`${prefix}/sigs`)),
      entryOf(referrer, kind(`${prefix}/referrers/${referrer.root.descriptor.digest.slice(7)}`)),
    ]
    const found = await find([index, ...companions], entries)
    assert.deepEqual(
      found.named.map(({ reference, about }) => [formatReference(reference), about]),
      [
        [full, undefined],
        [`docker.io/rancher/x:${cosignTag(index, 'sig')}`, digest],
        [`docker.io/rancher/x:${cosignTag(index, 'att')}`, digest],
        [`docker.io/rancher/x:${cosignTag(index, 'sbom')}`, digest],
        [`docker.io/rancher/x:${cosignTag({ ...index, root: child }, 'sig')}`, digest],
        [`docker.io/rancher/x@${referrer.root.descriptor.digest}`, digest],
      ],
    )
    assert.deepEqual(found.skipped, [])
  })
}

test('of two images with one name, a signature says which it is about, and an SBOM that cannot is skipped by name', async () => {
  const [first, second, sbom] = [tinyImage(), tinyImage(), sbomOf()]
  const signatures = [first, second].map(({ root }) => signatureOf(root.descriptor.digest))
  const entries = [
    ...[first, second].map((one) => entryOf(one, kind('dev.hauler/image'))),
    ...signatures.map((one) => entryOf(one, kind('dev.hauler/sigs'))),
    entryOf(sbom, kind('dev.hauler/sboms')),
  ]
  assert.deepEqual(await names([first, second, sbom, ...signatures], entries), [
    full,
    full,
    `docker.io/rancher/x:${cosignTag(first, 'sig')}`,
    `docker.io/rancher/x:${cosignTag(second, 'sig')}`,
    `it is an SBOM, and there are 2 images that it may belong to, by the name ${full}`,
  ])
})

test('a signature whose image is not there, and what is of a kind that is unknown, are skipped and keep nothing back', async () => {
  const signature = signatureOf(image.root.descriptor.digest)
  const entries = [
    entryOf(image, kind('dev.hauler/image')),
    entryOf(signature, kind('dev.hauler/sigs', 'docker.io/rancher/other:1')),
    entryOf(sbomOf(), kind('dev.hauler/news')),
  ]
  assert.deepEqual(await names([image, signature], entries), [
    full,
    'it is a signature, and there is no image that it may belong to, by the name docker.io/rancher/other:1',
    'its kind is unknown',
  ])
})

test('a name that is given is for bare tags; with a tag it is for the only image without a name, and what cosign saved with it', async () => {
  const [one, other] = [tinyImage(), tinyImage()]
  const tags = [entryOf(one, bare('3.20')), entryOf(other, bare('3.21')), entryOf(image)]
  assert.deepEqual(await names([one, other, image], tags, 'registry.example/library/alpine'), [
    'registry.example/library/alpine:3.20',
    'registry.example/library/alpine:3.21',
    'it has no name',
  ])
  assert.deepEqual(await names([one, other, image], tags, 'registry.example/library/alpine:3'), [
    'registry.example/library/alpine:3.20',
    'registry.example/library/alpine:3.21',
    'registry.example/library/alpine:3',
  ])
  assert.deepEqual(await names([one, other], [entryOf(one), entryOf(other)], 'alpine:3'), ['it has no name', 'it has no name'])
  const signature = signatureOf(image.root.descriptor.digest)
  const saved = [entryOf(image, { kind: 'dev.cosignproject.cosign/image' }), entryOf(signature, { kind: 'dev.cosignproject.cosign/sigs' })]
  assert.deepEqual(await names([image, signature], saved, full), [full, `docker.io/rancher/x:${cosignTag(image, 'sig')}`])
})

test('a name that is given has a repository, and no digest', () => {
  assert.deepEqual(parseGivenName('localhost:5000/x'), { registry: 'localhost:5000', path: 'x' })
  assert.deepEqual(parseGivenName('alpine:3'), { registry: 'docker.io', path: 'library/alpine', tag: '3' })
  assert.throws(() => parseGivenName(`x@sha256:${'a'.repeat(64)}`), { code: 'USAGE' })
  assert.throws(() => parseGivenName('A b'), { code: 'INVALID_REFERENCE' })
})

test('whatever stands in an index, every entry is named, skipped, or is content that another names', async () => {
  const value = fc.oneof(
    fc.constantFrom(full, '3.20', '<none>:<none>', '', 'a b', 'x@y', 'dev.hauler/sigs', 'dev.hauler/image'),
    fc.string(),
  )
  const annotations = fc.dictionary(fc.constantFrom('io.containerd.image.name', 'org.opencontainers.image.ref.name', 'kind'), value)
  const entry = fc.oneof(
    annotations.map((notes) => entryOf(image, notes)),
    fc.jsonValue(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(entry), fc.option(fc.constant(full), { nil: undefined }), async (entries, name) => {
      const found = await find([image], entries, name)
      const places = found.named.map(({ at }) => at)
      assert.equal(new Set(places).size, places.length)
      assert.ok(found.named.length <= entries.length)
      assert.ok(found.named.length + found.skipped.length <= entries.length)
    }),
    { numRuns: 200 },
  )
})

test('a signature of what its image does not hold is skipped, and so is a second one for the same tag', async () => {
  const index = tinyIndex()
  const other = signatureOf(tinyImage().root.descriptor.digest)
  const child = signatureOf(index.manifests[0]?.descriptor.digest ?? 'sha256:')
  const own = signatureOf(index.root.descriptor.digest)
  const again = tinyArtifact(
    Buffer.from(JSON.stringify({ critical: { image: { 'docker-manifest-digest': index.root.descriptor.digest } } })),
    'application/vnd.dev.cosign.simplesigning.v1+json',
  )
  const all = [index, other, child, own, again]
  const sigs = [other, child, own, again].map((sig) => entryOf(sig, kind('dev.cosignproject.cosign/sigs')))
  const found = await find(all, [entryOf(index, kind('dev.cosignproject.cosign/image')), ...sigs])
  assert.deepEqual(
    found.named.map(({ reference }) => reference.tag),
    ['1', `${index.manifests[0]?.descriptor.digest.replace(':', '-')}.sig`, cosignTag(index, 'sig')],
  )
  assert.match(found.skipped[0]?.why ?? '', /^it is a signature of sha256:[0-9a-f]{64}, which is not in docker\.io\/rancher\/x:1$/)
  assert.match(found.skipped[1]?.why ?? '', new RegExp(`^it is a signature, and ${own.root.descriptor.digest} has its tag$`))
})
