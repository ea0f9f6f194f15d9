import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { compareDigests, digestAtSource, readExpectedDigests } from '../../src/verify/expected-digest.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { openRegistry, openWithServer } from '../registry/open-registry.ts'
import { checkedRegistry, targetAt } from './checked-registry.ts'

const [one, two] = [sha256(Buffer.from('1')), sha256(Buffer.from('2'))]
const reference = parseReference('docker.io/a/b:1')

test('reports only an unexpected digest as a problem, with both digests', () => {
  assert.deepEqual(compareDigests('x:1', one, 'http://r/v2/x', []), [])
  assert.deepEqual(compareDigests('x:1', one, 'http://r/v2/x', [{ by: 'report.json', digests: [two, one] }]), [])
  assert.deepEqual(compareDigests('x:1', one, 'http://r/v2/x', [{ by: 'report.json', digests: [two] }]), [
    { status: 'moved', code: 'TAG_MOVED', message: `x:1: the tag has moved: http://r/v2/x has ${one}, report.json ${two}` },
  ])
})

test('checks a moved image too', async () => {
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', tinyIndex())
  const verdict = await verifyImage(targetAt([at.endpoint], { expected: [{ by: 'report.json', digests: [one] }] }))
  assert.deepEqual([verdict.status, verdict.problems.length, verdict.blobs], ['moved', 1, 4])
})

test('expects the current digest of the source, and with platforms also that of their index', async () => {
  const image = tinyIndex()
  await using source = await openWithServer()
  source.server.hold('a/b', '1', image)
  const { digest } = image.root.descriptor
  assert.deepEqual(await digestAtSource(source.registry, reference, 'the source'), { by: 'the source', digests: [digest] })
  assert.deepEqual(source.server.kinds(), ['manifest-head'])
  const some = await digestAtSource(source.registry, reference, 'the source', { wanted: [parsePlatform('linux/arm64')] })
  assert.ok('digests' in some)
  assert.deepEqual([some.digests.length, some.digests[0]], [2, digest])
  const all = await digestAtSource(source.registry, reference, 'x', { wanted: ['linux/arm64', 'linux/amd64'].map(parsePlatform) })
  assert.ok('digests' in all)
})

test('reports a problem when the source cannot be read', async () => {
  await using source = await openWithServer()
  const absent = await digestAtSource(source.registry, reference, 'http://source')
  const [problem] = compareDigests('x:1', one, 'http://r/v2/x', [absent])
  assert.deepEqual([problem?.status, problem?.code], ['unreachable', 'NOT_COMPARED'])
  assert.equal(problem?.message, 'x:1: nothing to compare with: http://source: not found')
  await using gone = openRegistry('http://127.0.0.1:1')
  const [unreachable] = compareDigests('x:1', one, 'x', [await digestAtSource(gone, reference, 'http://127.0.0.1:1')])
  assert.match(unreachable?.message ?? '', /nothing to compare with: http:\/\/127\.0\.0\.1:1: the connection was refused$/)
})

test('reads the digests from reports of mirror and verify, without failed images', () => {
  const images = [
    { source: 'docker.io/a/b:1', destination: 'r/a/b:1', digest: one, status: 'copied' },
    { source: 'docker.io/a/b:2', destination: 'r/a/b:2', status: 'failed' },
    { reference: 'docker.io/a/b:3', digest: two },
    { reference: 'docker.io/a/b:4', digest: null },
  ]
  const digests = readExpectedDigests(JSON.stringify({ schemaVersion: 1, command: 'mirror', images }), 'r.json')
  assert.deepEqual(
    [...digests],
    [
      ['docker.io/a/b:1', one],
      ['docker.io/a/b:3', two],
    ],
  )
})

for (const [why, text] of Object.entries({
  'it is not JSON': '{',
  'it has no schemaVersion 1': '{"schemaVersion":2,"images":[]}',
  'it has no list of images': '{"schemaVersion":1}',
  'the digest of x is invalid': '{"schemaVersion":1,"images":[{"source":"x","digest":"sha256:1"}]}',
})) {
  test(`rejects a report where ${why}`, () => {
    assert.throws(() => readExpectedDigests(text, 'r.json'), {
      code: 'USAGE',
      message: `r.json is not a report of k3s-mirror: ${why}`,
    })
  })
}

test('reads or rejects any text as a report', () => {
  const document = fc.record({ schemaVersion: fc.constantFrom(1, 2), images: fc.anything() }).map((value) => JSON.stringify(value))
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), document), (text) => {
      try {
        readExpectedDigests(text, 'r.json')
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'USAGE')
      }
    }),
  )
})
