import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { faultProxy, type FaultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import type { ImageShape } from '../servers/release-shapes.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, type SeededImage, type SeededRelease } from '../servers/seed-release.ts'

const shape = (repository: string, tag = '1'): ImageShape => ({ repository, tag, kind: 'oci', layers: [{ megabytes: 0.1 }] })

interface Places extends AsyncDisposable {
  readonly from: TestRegistry
  readonly to: TestRegistry
  readonly destination: FaultProxy
  readonly release: SeededRelease
  readonly image: SeededImage
  /** Mirrors these references of docker.io to the destination's prefix. */
  mirror(references: readonly string[], ...options: readonly string[]): Promise<CliResult>
}

async function places(...images: readonly ImageShape[]): Promise<Places> {
  const release = makeRelease({ images })
  const [image] = release.images
  assert.ok(image)
  const [from, to] = await Promise.all([startRegistry(), startRegistry()])
  await pushRelease(from.url, release)
  const destination = await faultProxy(to.url)
  return {
    from,
    to,
    destination,
    release,
    image,
    mirror: (references, ...options) =>
      runCli([
        'mirror',
        ...references,
        '--from',
        `docker.io=${from.url}`,
        '--to',
        `${destination.url}/team/k3s`,
        '--output',
        'json',
        ...options,
      ]),
    async [Symbol.asyncDispose]() {
      await Promise.all([from, to, destination].map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

async function digestAt({ url }: TestRegistry, path: string, reference: string): Promise<unknown> {
  const { status, headers } = await plainRequest(`${url}/v2/${path}/manifests/${reference}`, { method: 'HEAD' })
  return status === 200 ? headers['docker-content-digest'] : status
}

function destinations({ stdout }: CliResult): readonly string[] {
  return (JSON.parse(stdout) as MirrorReport).images.map(({ destination }) => destination)
}

test('the prefix goes before the whole path, and --rewrite and --flatten change the path', async () => {
  await using at = await places(shape('rancher/x'))
  const { host } = at.destination
  const cases: readonly (readonly [path: string, ...options: readonly string[]])[] = [
    ['team/k3s/rancher/x'],
    ['team/k3s/x', '--flatten'],
    [
      'team/k3s/proj/x-mirror',
      '--rewrite',
      '^none/(.*)=never/$1',
      '--rewrite',
      '^rancher/(?P<name>.*)$=proj/${name}-mirror',
      '--rewrite',
      '^proj/=second/',
    ],
    ['team/k3s/b', '--rewrite', '^rancher/x$=a/b', '--flatten'],
  ]
  for (const [path, ...options] of cases) {
    const result = await at.mirror([at.image.reference], ...options)
    assert.equal(result.status, 0, result.stderr)
    assert.deepEqual(destinations(result), [`${host}/${path}:1`])
    assert.equal(await digestAt(at.to, path, '1'), at.image.index.digest)
  }
})

test('two images that would land on one tag are refused before anything moves', async () => {
  await using at = await places(shape('one/x'), shape('two/x'))
  const result = await at.mirror(
    at.release.images.map(({ reference }) => reference),
    '--flatten',
  )
  assert.equal(result.status, 2, result.stderr)
  assert.match(result.stderr, /^error: docker\.io\/one\/x:1 and docker\.io\/two\/x:1 .* \(DESTINATION_COLLISION\)$/m)
  const { error } = JSON.parse(result.stdout) as { readonly error: { readonly code: string } }
  assert.deepEqual([error.code, at.destination.counters.total], ['DESTINATION_COLLISION', 0])
})

test('one image under two names may land on one tag, and is there under two of them', async () => {
  await using at = await places(shape('one/x'))
  await pushRelease(at.from.url, { ...at.release, images: [{ ...at.image, repository: 'two/x' }] })
  const together = await at.mirror(['one/x:1', 'two/x:1'], '--flatten')
  assert.equal(together.status, 0, together.stderr)
  assert.equal(await digestAt(at.to, 'team/k3s/x', '1'), at.image.index.digest)
  const apart = await at.mirror(['one/x:1', 'two/x:1'])
  assert.equal(apart.status, 0, apart.stderr)
  assert.equal(await digestAt(at.to, 'team/k3s/two/x', '1'), at.image.index.digest)
})

test('pinned references: the digest decides, a tag is kept, and none is made up', async () => {
  await using at = await places(shape('rancher/x'))
  const { digest } = at.image.index
  const newer = makeRelease({ images: [shape('rancher/x')], salt: 'newer' })
  await pushRelease(at.from.url, newer)
  const bare = await at.mirror([`rancher/x@${digest}`])
  assert.equal(bare.status, 0, bare.stderr)
  assert.equal(await digestAt(at.to, 'team/k3s/rancher/x', digest), digest)
  const { body } = await plainRequest(`${at.to.url}/v2/team/k3s/rancher/x/tags/list`)
  assert.deepEqual((JSON.parse(body.toString()) as { tags: unknown }).tags, [])
  const tagged = await at.mirror([`rancher/x:1@${digest}`])
  assert.equal(tagged.status, 0, tagged.stderr)
  assert.equal(await digestAt(at.to, 'team/k3s/rancher/x', '1'), digest)
  const again = await at.mirror([`rancher/x@${digest}`, `rancher/x:1@${digest}`])
  assert.equal((JSON.parse(again.stdout) as MirrorReport).totals.upToDate, 2)
})

test('names that no registry takes are refused before anything moves', async () => {
  await using at = await places(shape('rancher/x'))
  for (const [code, ...options] of [
    ['INVALID_REWRITE', '--rewrite', '^rancher/=Upper/'],
    ['INVALID_REWRITE', '--rewrite', '(=x'],
    ['USAGE', '--rewrite', 'no-replacement'],
  ] as const) {
    const { status, stderr } = await at.mirror([at.image.reference], ...options)
    assert.equal(status, 2, stderr)
    assert.match(stderr, new RegExp(`^error: .*\\(${code}\\)$`, 'm'))
  }
  assert.equal(at.destination.counters.total, 0)
})
