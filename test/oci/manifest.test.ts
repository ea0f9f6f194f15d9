import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import {
  contentsOf,
  isAttestation,
  isForeignLayer,
  manifestOf,
  maxManifestBytes,
  parseManifest,
  parseSubject,
} from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'

const digest = `sha256:${'ab'.repeat(32)}`
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip'
const config = { mediaType: mediaTypes.ociConfig, digest, size: 3 }
const layer = { mediaType: layerType, digest: digest.replace('ab', 'cd'), size: 10 }
const image = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }
const child = { mediaType: mediaTypes.ociManifest, digest, size: 500, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }
const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }

const json = (document: unknown): Buffer => Buffer.from(JSON.stringify(document))

function refusal(bytes: Uint8Array | string, contentType?: string): { readonly code: string; readonly message: string } {
  try {
    parseManifest(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, contentType)
  } catch (error) {
    if (isMirrorError(error)) return error
    throw error
  }
  throw new Error('it was accepted')
}

test('an image gives its config and layers, an index its children', () => {
  assert.deepEqual(parseManifest(json(image)), { kind: 'image', mediaType: mediaTypes.ociManifest, config, layers: [layer] })
  assert.deepEqual(parseManifest(json(index)), { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [child] })
})

// D44
test('nine megabytes are refused whatever they hold', () => {
  const bytes = Buffer.concat([json(image), Buffer.alloc(maxManifestBytes, ' ')])
  assert.match(refusal(bytes).message, /larger than/)
})

// D45
test('a document that is both an image and an index is refused, in any spelling', () => {
  for (const more of [{ manifests: [] }, { Manifests: [] }, { fsLayers: [] }, { FSLAYERS: [] }]) {
    assert.deepEqual(refusal(json({ ...image, ...more })).code, 'INVALID_MANIFEST', JSON.stringify(more))
  }
  for (const more of [{ layers: [] }, { LAYERS: [] }, { config }, { fsLayers: [] }]) {
    assert.match(refusal(json({ ...index, ...more })).message, /ambiguous/, JSON.stringify(more))
  }
  const { mediaType: _, ...untyped } = image
  assert.match(refusal(json({ ...untyped, manifests: [child] })).message, /ambiguous/)
})

// D46
test('a Content-Type that says something else than the document is refused', () => {
  assert.match(refusal(json(image), mediaTypes.ociIndex).message, /has the media type .*, but was served as/)
  assert.match(refusal(json(image), mediaTypes.dockerManifest).message, /has the media type/)
  const { mediaType: _, ...untyped } = image
  assert.equal(refusal(json(untyped), mediaTypes.ociIndex).code, 'INVALID_MANIFEST', 'an untyped image that is served as an index')
})

// D47
test('uses the media type of the document where Content-Type is generic', () => {
  for (const type of [
    undefined,
    'application/octet-stream',
    'text/plain',
    `${mediaTypes.ociManifest}; charset=utf-8`,
    mediaTypes.ociManifest.toUpperCase(),
  ]) {
    assert.equal(parseManifest(json(image), type).mediaType, mediaTypes.ociManifest, type)
  }
  const { mediaType: _, ...untyped } = image
  assert.equal(parseManifest(json(untyped)).kind, 'image')
  assert.equal(parseManifest(json(untyped), mediaTypes.dockerManifest).mediaType, mediaTypes.dockerManifest)
  assert.equal(
    parseManifest(json(untyped), ` ${mediaTypes.dockerManifest.toUpperCase()}; charset=utf-8`).mediaType,
    mediaTypes.dockerManifest,
  )
  assert.equal(parseManifest(json({ schemaVersion: 2, manifests: [child] })).kind, 'index')
})

// D50
test('schema 1 and unknown types are unsupported', () => {
  const old = { schemaVersion: 1, name: 'a', fsLayers: [], signatures: [] }
  for (const [document, type] of [
    [old, undefined],
    [old, mediaTypes.dockerSchema1],
    [old, mediaTypes.dockerSchema1Signed],
    [{ ...image, mediaType: 'application/x' }, undefined],
  ] as const) {
    assert.equal(refusal(json(document), type).code, 'UNSUPPORTED')
  }
})

// D53
test('more than a thousand entries are refused', () => {
  const many = (count: number): unknown[] => Array.from({ length: count }, () => child)
  assert.match(refusal(json({ ...index, manifests: many(1001) })).message, /1001 manifests, more than 1000/)
  assert.match(refusal(json({ ...image, layers: many(1001) })).message, /1001 layers/)
  assert.equal(refusal(`{"manifests":[${'{},'.repeat(99_999)}{}]}`).code, 'INVALID_MANIFEST')
  assert.equal(parseManifest(json({ ...index, manifests: many(1000) })).kind, 'index')
})

// D54
test('rejects a size that is not a whole number of bytes', () => {
  for (const size of ['-1', '1.5', '9007199254740993', '1e400', '"3"', 'null', 'true', '[]']) {
    const text = JSON.stringify({ ...image, layers: [{ ...layer, size: 'HERE' }] }).replace('"HERE"', size)
    assert.match(refusal(text).message, /invalid size for its layer/, size)
  }
  const { size: _, ...unsized } = config
  assert.match(refusal(json({ ...image, config: unsized })).message, /invalid size for its config/)
})

// D55
test('a digest that leads elsewhere is refused', () => {
  for (const wrong of ['sha256:../../x', `sha256:${'AB'.repeat(32)}`, 'md5:00', '', 7, null]) {
    assert.match(refusal(json({ ...image, layers: [{ ...layer, digest: wrong }] })).message, /invalid digest for its layer/)
    assert.match(refusal(json({ ...index, manifests: [{ ...child, digest: wrong }] })).message, /invalid digest/)
  }
})

// D57
test('recognises an attestation by its annotation', () => {
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest }
  const contents = parseManifest(
    json({ ...index, manifests: [{ ...child, platform: { os: 'unknown', architecture: 'unknown' }, annotations }] }),
  )
  assert.ok(contents.kind === 'index')
  assert.deepEqual(contents.manifests.map(isAttestation), [true])
  assert.equal(contents.manifests[0]?.annotations?.['vnd.docker.reference.digest'], digest)
})

// D59, D60
test('an artifact with a subject, an empty config and no layers is an image', () => {
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest, size: 2, data: 'e30=' }
  const artifact = {
    ...image,
    artifactType: 'application/x',
    config: empty,
    layers: [],
    subject: { ...child },
    annotations: { a: 'b' },
    custom: { deep: [1] },
  }
  const contents = parseManifest(json(artifact))
  assert.ok(contents.kind === 'image')
  assert.deepEqual(contents.layers, [])
  assert.equal(contents.config.data, undefined, 'what a manifest carries inline was not verified')
})

// D61
test('what parsers disagree about is refused, and nothing crashes', () => {
  for (const [text, what] of [
    ['{"schemaVersion":2,"config":{},"config":{}}', /"config" twice/],
    [`{"layers":[{"digest":"a","digest":"b"}]}`, /"digest" twice/],
    ['{"\\u0061":1,"a":2}', /"a" twice/],
    ['{"__proto__":{"layers":[]}}', /__proto__/],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, /nested too deeply/],
    [`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, /nested too deeply/],
    ['[]', /not a JSON object/],
    ['null', /not a JSON object/],
    ['', /not JSON/],
    ['{"a":1} {"b":2}', /not JSON/],
    ['{"a":1,}', /not JSON/],
    ['// x\n{}', /not JSON/],
  ] as const) {
    const { code, message } = refusal(text)
    assert.equal(code, 'INVALID_MANIFEST')
    assert.match(message, what)
  }
  assert.match(refusal(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).message, /not JSON/, 'invalid UTF-8')
})

// D62
test('bytes and digest are kept as they came', () => {
  const bytes = Buffer.from(`${JSON.stringify(index, undefined, 3)}\n\n`)
  const manifest = manifestOf(bytes)
  assert.equal(manifest.bytes, bytes)
  assert.equal(manifest.descriptor.size, bytes.length)
  assert.notEqual(manifest.descriptor.digest, manifestOf(json(index)).descriptor.digest)
  assert.equal(contentsOf(manifest), contentsOf(manifest), 'read once')
})

test('recognises a foreign layer by its type or its URLs', () => {
  const of = (entry: object) => parseManifest(json({ ...image, layers: [entry] }))
  const [byType, byUrl, plain] = [
    { ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' },
    { ...layer, urls: ['https://example.com/x'] },
    { ...layer, urls: [] },
  ].map((entry) => {
    const contents = of(entry)
    return contents.kind === 'image' && contents.layers.map(isForeignLayer)
  })
  assert.deepEqual([byType, byUrl, plain], [[true], [true], [false]])
})

test('a subject is a descriptor, absent, or an error of ours', () => {
  assert.deepEqual(parseSubject(json({ ...image, subject: config })), config)
  assert.equal(parseSubject(json(image)), undefined)
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom(digest, mediaTypes.ociManifest, 7))
  const subject = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('mediaType', 'digest', 'size', 'x'), field))
  fc.assert(
    fc.property(subject, (value) => {
      try {
        const parsed = parseSubject(json({ subject: value }))
        assert.deepEqual(parsed, { mediaType: parsed?.mediaType, digest, size: parsed?.size })
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'INVALID_MANIFEST', String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('any bytes are a manifest or an error of ours', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(digest, layer, child, config, [layer], [child], mediaTypes.ociIndex, mediaTypes.ociManifest),
  )
  const document = fc.dictionary(fc.constantFrom('mediaType', 'manifests', 'config', 'layers', 'schemaVersion', 'x'), value)
  fc.assert(
    fc.property(
      fc.oneof(document.map(json), fc.uint8Array()),
      fc.option(fc.constantFrom(...Object.values(mediaTypes), 'text/html')),
      (bytes, type) => {
        try {
          const contents = parseManifest(bytes, type ?? undefined)
          assert.ok(contents.kind === 'index' || contents.kind === 'image')
        } catch (error) {
          assert.ok(isMirrorError(error) && ['INVALID_MANIFEST', 'UNSUPPORTED'].includes(error.code), String(error))
        }
      },
    ),
    { numRuns: 500 },
  )
})
