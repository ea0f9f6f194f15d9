import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import type { ImageVerdict } from '../../src/verify/image-verdict.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { refuse } from '../servers/memory-registry.ts'
import { checkedEndpoint, checkedRegistry, targetAt } from './checked-registry.ts'

const size = (image: TinyImage): number =>
  [...image.blobs, ...image.manifests].reduce((total, { descriptor }) => total + descriptor.size, 0)

/** Status and codes, for most tests all that matters. */
function outcome({ status, problems }: ImageVerdict): readonly string[] {
  return [status, ...problems.map(({ code }) => code)]
}

/** The endpoints' parts in short. */
function parts({ endpoints }: ImageVerdict): readonly string[] {
  return endpoints.map(({ status }) => status)
}

function flipped(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}

test('a whole image is ok, and everything of it is counted', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  assert.deepEqual(await verifyImage(targetAt([at.endpoint])), {
    status: 'ok',
    digest: image.root.descriptor.digest,
    platforms: ['linux/amd64', 'linux/arm64'],
    manifests: 3,
    blobs: 4,
    bytes: size(image),
    endpoints: [{ url: `${at.server.url}/v2`, repository: 'a/b', isDefault: false, status: 'serves' }],
    problems: [],
    warnings: [],
  })
  assert.equal(at.server.count('manifest-head'), 1)
  assert.equal(at.server.count('manifest-get'), 3)
  assert.equal(at.server.count('blob-head'), 4)
  assert.equal(at.server.count('blob-get'), 0)
})

test('an image without an index says its platform by its config', async () => {
  const image = tinyImage(randomBytes(40), 'arm64')
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  const { status, platforms, manifests, blobs, bytes } = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual([status, platforms, manifests, blobs, bytes], ['ok', ['linux/arm64'], 1, 2, size(image)])
})

test('a missing tag is one problem that names tag and place', async () => {
  await using at = await checkedRegistry()
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(verdict.problems, [
    { status: 'missing', code: 'NOT_FOUND', message: `docker.io/a/b:1: tag 1 is missing: ${at.server.url}/v2/a/b: not found` },
  ])
  assert.equal(verdict.status, 'missing')
  assert.equal(verdict.digest, undefined)
  assert.deepEqual(verdict.endpoints[0], {
    url: `${at.server.url}/v2`,
    repository: 'a/b',
    isDefault: false,
    status: 'failed',
    reason: 'not found',
  })
})

test('one missing blob is named with its kind and platform; the rest is found', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  const layer = image.blobs[2]?.descriptor.digest ?? ''
  at.server.blobs.delete(`a/b@${layer}`)
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(verdict.problems, [
    {
      status: 'incomplete',
      code: 'NOT_FOUND',
      message: `docker.io/a/b:1: layer ${layer} (linux/arm64) is missing: ${at.server.url}/v2/a/b: not found`,
    },
  ])
  assert.deepEqual([verdict.manifests, verdict.blobs], [3, 3])
  assert.deepEqual(parts(verdict), ['serves-part'])
})

test('a missing child is named with its platform, and what is below it is not guessed', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  const child = image.manifests[0]?.descriptor.digest ?? ''
  at.server.manifests.delete(`a/b@${child}`)
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['incomplete', 'NOT_FOUND'])
  assert.match(verdict.problems[0]?.message ?? '', new RegExp(`^docker.io/a/b:1: manifest ${child} \\(linux/amd64\\) is missing: `))
  assert.deepEqual([verdict.manifests, verdict.blobs], [2, 2])
})

test('with platforms only their part is looked at; one that is not there is a problem', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  at.server.manifests.delete(`a/b@${image.manifests[1]?.descriptor.digest}`)
  const some = await verifyImage(targetAt([at.endpoint]), { wanted: [parsePlatform('linux/amd64')] })
  assert.deepEqual([some.status, some.platforms, some.manifests], ['ok', ['linux/amd64'], 2])
  const none = await verifyImage(targetAt([at.endpoint]), { wanted: [parsePlatform('linux/amd64'), parsePlatform('linux/s390x')] })
  assert.deepEqual(outcome(none), ['incomplete', 'NO_SUCH_PLATFORM'])
  assert.equal(none.problems[0]?.message, 'docker.io/a/b:1 has no image for linux/s390x; available: linux/amd64, linux/arm64')
  assert.equal(none.blobs, 2)
})

test('a blob that two platforms share is one blob, asked for and counted once, and one problem', async () => {
  const { blobs, manifests } = tinyImage()
  const [image] = manifests
  assert.ok(image)
  const platformOf = (architecture: string) => ({ ...image.descriptor, platform: { os: 'linux', architecture } })
  const twin = tinyManifest({
    ...(JSON.parse(Buffer.from(image.bytes).toString('utf8')) as { mediaType: string }),
    annotations: { twin: 'yes' },
  })
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [platformOf('amd64'), { ...twin.descriptor, platform: { os: 'linux', architecture: 'arm64' } }],
  })
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', { blobs, manifests: [image, twin, root] })
  const layer = blobs[0]?.descriptor.digest ?? ''
  at.server.blobs.delete(`a/b@${layer}`)
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['incomplete', 'NOT_FOUND'])
  assert.deepEqual([verdict.manifests, verdict.blobs], [3, 1])
})

test('platforms choose from the top index; what that leaves in is taken whole', async () => {
  const inner = tinyIndex()
  const platform = { os: 'linux', architecture: 'amd64' }
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...inner.root.descriptor, platform }] })
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', { blobs: inner.blobs, manifests: [...inner.manifests, root] })
  const verdict = await verifyImage(targetAt([at.endpoint]), { wanted: [parsePlatform('linux/amd64')] })
  assert.deepEqual([verdict.status, verdict.manifests], ['ok', 4])
})

test('an image without an index for another platform is a problem', async () => {
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', tinyImage())
  const verdict = await verifyImage(targetAt([at.endpoint]), { wanted: [parsePlatform('linux/arm64')] })
  assert.deepEqual(outcome(verdict), ['incomplete', 'NO_SUCH_PLATFORM'])
})

for (const deep of [false, true]) {
  test(`changed bytes of a layer ${deep ? 'are found' : 'are not looked for'} ${deep ? 'with' : 'without'} deep`, async () => {
    const image = tinyIndex()
    await using at = await checkedRegistry()
    at.server.hold('a/b', '1', image)
    const [layer] = image.blobs
    assert.ok(layer)
    at.server.blobs.set(`a/b@${layer.descriptor.digest}`, flipped(layer.bytes))
    const verdict = await verifyImage(targetAt([at.endpoint]), { deep })
    assert.deepEqual(outcome(verdict), deep ? ['damaged', 'INTEGRITY'] : ['ok'])
    if (deep) assert.match(verdict.problems[0]?.message ?? '', /layer sha256:\w+ \(linux\/amd64\) is damaged: .*does not match its digest/)
  })
}

test('a blob of another size is damaged, not missing', async () => {
  const image = tinyImage()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  const [layer] = image.blobs
  assert.ok(layer)
  at.server.blobs.set(`a/b@${layer.descriptor.digest}`, Buffer.from(layer.bytes).subarray(1))
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['damaged', 'INTEGRITY'])
  assert.match(verdict.problems[0]?.message ?? '', /declares 599 bytes, but the manifest declares 600/)
})

test('a manifest with other bytes than its digest is damaged, and nobody else is asked for it', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  await using second = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  second.server.hold('a/b', '1', image)
  const child = image.manifests[0]
  assert.ok(child)
  at.server.manifests.set(`a/b@${child.descriptor.digest}`, { mediaType: child.descriptor.mediaType, bytes: flipped(child.bytes) })
  const verdict = await verifyImage(targetAt([at.endpoint, second.endpoint]))
  assert.deepEqual(outcome(verdict), ['damaged', 'INTEGRITY'])
  assert.equal(second.server.count('manifest-get'), 0)
})

test('a registry that takes no HEAD for blobs is asked by GET', async () => {
  await using at = await checkedRegistry({
    intercept: ({ kind }, response) => (kind === 'blob-head' ? refuse(response, 405, 'UNSUPPORTED') : undefined),
  })
  at.server.hold('a/b', '1', tinyIndex())
  assert.equal((await verifyImage(targetAt([at.endpoint]))).status, 'ok')
})

test('foreign layers are not expected, unless they were copied too', async () => {
  const foreign = { mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', urls: ['https://layers.example.com/1'] }
  const { blobs } = tinyImage()
  const [layer, config] = blobs
  assert.ok(layer && config)
  const layers = [{ ...tinyBlob(randomBytes(9)).descriptor, ...foreign }, layer.descriptor]
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers })
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', { blobs, manifests: [root] })
  assert.equal((await verifyImage(targetAt([at.endpoint]))).status, 'ok')
  assert.deepEqual(outcome(await verifyImage(targetAt([at.endpoint]), { foreignLayers: true })), ['incomplete', 'NOT_FOUND'])
})

test('endless nesting and an empty index are damaged images', async () => {
  const nest = (image: TinyImage, depth: number): TinyImage => {
    if (depth === 0) return image
    const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.root.descriptor] })
    return nest({ blobs: image.blobs, manifests: [...image.manifests, root], root }, depth - 1)
  }
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', nest(tinyImage(), 3))
  assert.equal((await verifyImage(targetAt([at.endpoint]))).status, 'ok')
  at.server.hold('a/b', '1', nest(tinyImage(), 4))
  assert.deepEqual(outcome(await verifyImage(targetAt([at.endpoint]))), ['damaged', 'INVALID_MANIFEST'])
  const empty = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  at.server.hold('a/b', '1', { blobs: [], manifests: [empty] })
  assert.deepEqual(outcome(await verifyImage(targetAt([at.endpoint]))), ['damaged', 'INVALID_MANIFEST'])
})

test('a child of another size than its index says is damaged', async () => {
  const image = tinyImage()
  const { descriptor } = image.root
  const manifests = [{ ...descriptor, size: descriptor.size + 1, platform: { os: 'linux', architecture: 'amd64' } }]
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', { blobs: image.blobs, manifests: [...image.manifests, root] })
  assert.deepEqual(outcome(await verifyImage(targetAt([at.endpoint]))), ['damaged', 'INVALID_MANIFEST'])
})

test('a digest that HEAD names and nobody has is said', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  at.server.manifests.delete(`a/b@${image.root.descriptor.digest}`)
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['incomplete', 'NOT_FOUND'])
  assert.match(verdict.problems[0]?.message ?? '', /root manifest sha256:\w+ is missing/)
})

test('a registry that is down is tried for one image, and named with its reason for all', async () => {
  let dead = ''
  {
    await using gone = await checkedRegistry()
    dead = gone.server.url
  }
  await using endpoint = checkedEndpoint(dead)
  for (let image = 0; image < 3; image++) {
    const verdict = await verifyImage(targetAt([endpoint]))
    assert.deepEqual(verdict.problems, [
      {
        status: 'unreachable',
        code: 'UNREACHABLE',
        message: `docker.io/a/b:1: tag 1 cannot be fetched: ${dead}/v2/a/b: the connection was refused`,
      },
    ])
  }
})

test('refused credentials are named with the user, at the root and at a blob', async () => {
  await using at = await checkedRegistry({
    credentials: ['robot', 'secret-word'],
    intercept: ({ kind }, response) => {
      if (kind === 'manifest-head' || kind === 'manifest-get') return undefined
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    },
  })
  at.server.hold('a/b', '1', tinyIndex(['amd64']))
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['refused', 'UNAUTHORIZED', 'UNAUTHORIZED'])
  assert.match(verdict.problems[0]?.message ?? '', /a\/b: 127\.0\.0\.1:\d+ refused the credentials sent as user "robot", from the test$/)
  assert.ok(!JSON.stringify(verdict).includes('secret-word'))
})

test('an error of the server is tried again, and then named', async () => {
  await using at = await checkedRegistry({ intercept: (_request, response) => refuse(response, 503, 'UNAVAILABLE') })
  const verdict = await verifyImage(targetAt([at.endpoint]))
  assert.deepEqual(outcome(verdict), ['unreachable', 'UNAVAILABLE'])
  assert.match(verdict.problems[0]?.message ?? '', /a\/b: 127\.0\.0\.1:\d+ answered 503 \(UNAVAILABLE: said the test\)$/)
  assert.equal(at.server.count('manifest-head'), 1)
  assert.equal(at.server.count('manifest-get'), 5)
})

test('an abort ends the check with its reason', async () => {
  const abort = new AbortController()
  await using at = await checkedRegistry({
    intercept: () => {
      abort.abort(new Error('enough'))
      return true
    },
  })
  await assert.rejects(verifyImage(targetAt([at.endpoint]), { signal: abort.signal }), /enough/)
})
