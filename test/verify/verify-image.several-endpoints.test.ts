import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageVerdict } from '../../src/verify/image-verdict.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { refuse } from '../servers/memory-registry.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { checkedEndpoint, checkedRegistry, targetAt } from './checked-registry.ts'

function outcome({ status, problems }: ImageVerdict): readonly string[] {
  return [status, ...problems.map(({ code }) => code)]
}

function parts({ endpoints }: ImageVerdict): readonly (readonly [string, string?])[] {
  return endpoints.map(({ status, reason }) => (reason === undefined ? [status] : [status, reason]))
}

test('reads an image from the first mirror that has it, and not from other mirrors or upstream', async () => {
  const image = tinyIndex()
  await using first = await checkedRegistry()
  await using second = await checkedRegistry()
  await using upstream = await checkedRegistry({ isUpstream: true })
  for (const { server } of [first, second, upstream]) server.hold('a/b', '1', image)
  const verdict = await verifyImage(targetAt([first.endpoint, second.endpoint, upstream.endpoint]))
  assert.equal(verdict.status, 'ok')
  assert.deepEqual(parts(verdict), [['serves'], ['not-needed'], ['not-needed']])
  assert.deepEqual(second.server.kinds(), ['manifest-head'])
  assert.deepEqual(upstream.server.requests, [])
})

test('skips a mirror without the image, and reports why', async () => {
  await using first = await checkedRegistry()
  await using second = await checkedRegistry()
  second.server.hold('a/b', '1', tinyIndex())
  const verdict = await verifyImage(targetAt([first.endpoint, second.endpoint]))
  assert.equal(verdict.status, 'ok')
  assert.deepEqual(parts(verdict), [['failed', 'not found'], ['serves']])
})

test('reads a layer that the first mirror lacks from the second, and reports both as partial', async () => {
  const image = tinyIndex()
  await using first = await checkedRegistry()
  await using second = await checkedRegistry()
  for (const { server } of [first, second]) server.hold('a/b', '1', image)
  const layer = image.blobs[0]?.descriptor.digest ?? ''
  first.server.blobs.delete(`a/b@${layer}`)
  const verdict = await verifyImage(targetAt([first.endpoint, second.endpoint]))
  assert.equal(verdict.status, 'ok')
  assert.deepEqual(parts(verdict), [['serves-part', `layer ${layer} (linux/amd64): not found`], ['serves-part']])
})

test('warns about mirrors that disagree on a tag, and uses the first one', async () => {
  const [image, other] = [tinyIndex(), tinyIndex()]
  await using first = await checkedRegistry()
  await using second = await checkedRegistry()
  first.server.hold('a/b', '1', image)
  second.server.hold('a/b', '1', other)
  const verdict = await verifyImage(targetAt([first.endpoint, second.endpoint]))
  const digests = [image, other].map(({ root }) => root.descriptor.digest)
  assert.deepEqual([verdict.status, verdict.digest], ['ok', digests[0]])
  assert.deepEqual(verdict.warnings, [
    `docker.io/a/b:1: mirrors disagree: ${first.server.url}/v2/a/b has ${digests[0]}, ${second.server.url}/v2/a/b ${digests[1]}`,
  ])
  assert.deepEqual(parts(verdict), [['serves'], ['not-needed', `has ${digests[1]}`]])
})

test('reports an image that only upstream has as a problem, after a single HEAD there', async () => {
  await using mirror = await checkedRegistry()
  await using upstream = await checkedRegistry({ isUpstream: true })
  upstream.server.hold('a/b', '1', tinyIndex())
  const verdict = await verifyImage(targetAt([mirror.endpoint, upstream.endpoint]))
  assert.deepEqual(verdict.problems, [
    {
      status: 'upstream-only',
      code: 'UPSTREAM_ONLY',
      message: `docker.io/a/b:1: tag 1 is only reachable upstream, at ${upstream.server.url}/v2/a/b: ${mirror.server.url}/v2/a/b: not found`,
    },
  ])
  assert.deepEqual(upstream.server.kinds(), ['manifest-head'])
  assert.deepEqual(parts(verdict), [['failed', 'not found'], ['serves']])
})

test('reports a blob that only upstream has as a problem', async () => {
  const image = tinyIndex()
  await using mirror = await checkedRegistry()
  await using upstream = await checkedRegistry({ isUpstream: true })
  for (const { server } of [mirror, upstream]) server.hold('a/b', '1', image)
  const config = image.blobs[1]?.descriptor.digest ?? ''
  mirror.server.blobs.delete(`a/b@${config}`)
  const verdict = await verifyImage(targetAt([mirror.endpoint, upstream.endpoint]), { deep: true })
  assert.deepEqual(outcome(verdict), ['upstream-only', 'UPSTREAM_ONLY'])
  assert.match(verdict.problems[0]?.message ?? '', new RegExp(`config ${config} \\(linux/amd64\\) is only reachable upstream`))
  assert.deepEqual(upstream.server.kinds(), ['blob-head'])
  assert.equal(verdict.blobs, 3)
})

test('reports an image as damaged when a mirror has wrong bytes, without a request to upstream', async () => {
  const image = tinyIndex()
  await using mirror = await checkedRegistry()
  await using upstream = await checkedRegistry({ isUpstream: true })
  for (const { server } of [mirror, upstream]) server.hold('a/b', '1', image)
  const [child] = image.manifests
  assert.ok(child)
  const bytes = Buffer.from(child.bytes)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  mirror.server.manifests.set(`a/b@${child.descriptor.digest}`, { mediaType: child.descriptor.mediaType, bytes })
  assert.deepEqual(outcome(await verifyImage(targetAt([mirror.endpoint, upstream.endpoint]))), ['damaged', 'INTEGRITY'])
  assert.deepEqual(upstream.server.requests, [])
})

test('reports the first reason for a mirror that disagrees and then fails', async () => {
  const [image, other] = [tinyIndex(), tinyIndex()]
  await using first = await checkedRegistry()
  await using second = await checkedRegistry()
  first.server.hold('a/b', '1', image)
  second.server.hold('a/b', '1', other)
  const layer = image.blobs[0]?.descriptor.digest ?? ''
  first.server.blobs.delete(`a/b@${layer}`)
  const verdict = await verifyImage(targetAt([first.endpoint, second.endpoint]))
  assert.deepEqual(outcome(verdict), ['incomplete', 'NOT_FOUND'])
  assert.deepEqual(parts(verdict)[1], ['failed', `has ${other.root.descriptor.digest}`])
})

test('does not count upstream when no mirror serves the image', async () => {
  await using upstream = await checkedRegistry({ isUpstream: true })
  upstream.server.hold('a/b', '1', tinyIndex())
  const verdict = await verifyImage(targetAt([upstream.endpoint]))
  assert.match(verdict.problems[0]?.message ?? '', /only reachable upstream, at .*: no mirror is configured for it$/)
})

test('does not retry an unreachable upstream, not even for the next image', async () => {
  await using mirror = await checkedRegistry()
  await using upstream = await checkedRegistry({
    isUpstream: true,
    isFragile: true,
    retry: { retries: 0 },
    intercept: (_request, response) => refuse(response, 503, 'UNAVAILABLE'),
  })
  const target = targetAt([mirror.endpoint, upstream.endpoint])
  for (let image = 0; image < 3; image++) {
    const verdict = await verifyImage(target)
    assert.deepEqual(outcome(verdict), ['missing', 'NOT_FOUND'])
    assert.match(verdict.problems[0]?.message ?? '', /: not found; .* answered 503 \(UNAVAILABLE: said the test\)$/)
  }
  assert.deepEqual(upstream.server.kinds(), ['manifest-head', 'manifest-get'])
})

test('asks a mirror with an invalid certificate once in a run', async () => {
  await using directory = await tempDir()
  const trusted = await directory.write('ca.pem', (await certificateAuthority('another authority')).certificate)
  await using server = await scriptedServer(() => undefined, { tls: await (await certificateAuthority()).server() })
  await using endpoint = checkedEndpoint(server.url, { environment: { SSL_CERT_FILE: trusted } })
  for (let image = 0; image < 3; image++) {
    assert.deepEqual(outcome(await verifyImage(targetAt([endpoint]))), ['unreachable', 'TLS'])
  }
  assert.equal(server.connections, 2, 'the second one with the trust store of the system')
})

test('reports a name that no rewrite matches as part of the reason', async () => {
  await using mirror = await checkedRegistry()
  const verdict = await verifyImage(targetAt([{ ...mirror.endpoint, missesRewrites: true }]))
  assert.match(verdict.problems[0]?.message ?? '', /: not found, under a name that no rewrite changes$/)
  assert.deepEqual(parts(verdict), [['failed', 'not found, under a name that no rewrite changes']])
})

test('names the host that failed when it is not the endpoint', async () => {
  const gone = await scriptedServer(() => undefined)
  const { url: storage } = gone
  await gone[Symbol.asyncDispose]()
  await using mirror = await checkedRegistry({
    intercept: (request, response) => {
      if (!request.kind.startsWith('blob')) return false
      response.writeHead(307, { location: `${storage}/blob?X-Amz-Signature=secret` }).end()
      return true
    },
  })
  mirror.server.hold('a/b', '1', tinyIndex())
  const [problem] = (await verifyImage(targetAt([mirror.endpoint]))).problems
  assert.ok(
    problem?.message.endsWith(
      `${mirror.server.url}/v2/a/b: cannot connect to ${storage}: the connection was refused; ${mirror.server.url} redirected there`,
    ),
    problem?.message,
  )

  await using asking = await scriptedServer((_request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${storage}/token",service="r"` }).end()
  })
  await using endpoint = checkedEndpoint(asking.url)
  const [refused] = (await verifyImage(targetAt([endpoint]))).problems
  assert.ok(refused?.message.endsWith(`${asking.url}/v2/a/b: cannot connect to ${storage}: the connection was refused`), refused?.message)
})

test('reports an image without an endpoint as missing', async () => {
  const verdict = await verifyImage(targetAt([]))
  assert.deepEqual(verdict.problems[0]?.message, 'docker.io/a/b:1: tag 1 is missing: there is no endpoint to ask')
})

test('requests a blob that images of one repository share once', async () => {
  const image = tinyIndex()
  await using at = await checkedRegistry()
  at.server.hold('a/b', '1', image)
  at.server.hold('a/b', '2', image)
  await using endpoint = checkedEndpoint(at.server.url)
  const verdicts = await Promise.all(['1', '2'].map((tag) => verifyImage(targetAt([endpoint], { root: { tag } }))))
  assert.deepEqual(
    verdicts.map(({ status, blobs }) => [status, blobs]),
    [
      ['ok', 4],
      ['ok', 4],
    ],
  )
  assert.equal(at.server.count('blob-head'), 4)
})
