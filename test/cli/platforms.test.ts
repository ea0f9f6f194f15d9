import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { tinyBlob, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import type { ImageShape } from '../servers/release-shapes.ts'
import { findProgram } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { makeRelease, pushRelease, type SeededImage } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

const layers = [{ megabytes: 0.1 }]
const attested: ImageShape = { repository: 'rancher/attested', tag: '1', kind: 'attested', layers }

async function mirrorTo(to: string, from: string, image: SeededImage, ...options: readonly string[]): Promise<CliResult> {
  return runCli(['mirror', image.reference, '--from', `docker.io=${from}`, '--to', to, '--output', 'json', ...options])
}

interface Source extends AsyncDisposable {
  readonly from: TestRegistry
  readonly image: SeededImage
}

/** A source with one image. */
async function source(shape: ImageShape): Promise<Source> {
  const from = await startRegistry({ sparse: true })
  const release = makeRelease({ images: [shape] })
  await pushRelease(from.url, release)
  const [image] = release.images
  assert.ok(image)
  return { from, image, [Symbol.asyncDispose]: () => from[Symbol.asyncDispose]() }
}

function reportOf({ stdout, stderr }: CliResult): MirrorReport['images'][number] {
  const [image] = (JSON.parse(stdout) as MirrorReport).images
  assert.ok(image, stderr)
  return image
}

async function contentAt(registry: string, path: string): Promise<{ readonly status: number; readonly body: Buffer }> {
  return plainRequest(`${registry}/v2/${path}`)
}

test('--platform writes a new index of the chosen platforms and their attestations, and reports it', async () => {
  await using at = await source(attested)
  const { from, image } = at
  await using to = await startRegistry()
  const result = await mirrorTo(to.url, from.url, image, '--platform', 'linux/amd64,linux/arm64')
  assert.equal(result.status, 0, result.stderr)
  const { digest, digestPreserved, platforms } = reportOf(result)
  assert.deepEqual([digestPreserved, platforms], [false, ['linux/amd64', 'linux/arm64']])
  assert.notEqual(digest, image.index.digest)
  const { body } = await contentAt(to.url, `rancher/attested/manifests/${digest}`)
  const { manifests } = JSON.parse(body.toString()) as { manifests: readonly { digest: string }[] }
  const [amd64, about64, arm64, aboutArm64, ...left] = image.manifests
  assert.deepEqual(
    manifests.map((entry) => entry.digest),
    [amd64, about64, arm64, aboutArm64].map((manifest) => manifest?.digest),
  )
  for (const manifest of left) assert.equal((await contentAt(to.url, `rancher/attested/manifests/${manifest.digest}`)).status, 404)
  const again = await mirrorTo(to.url, from.url, image, '--platform', 'linux/arm64', '--platform', 'linux/amd64')
  assert.deepEqual([again.status, reportOf(again).status, reportOf(again).digest], [0, 'up-to-date', digest])
  const words = await runCli([
    'mirror',
    image.reference,
    '--from',
    `docker.io=${from.url}`,
    '--to',
    `${to.url}/b`,
    '--platform',
    'linux/arm',
  ])
  assert.match(words.stdout, /^1 image has a new digest: the index lists only the chosen platforms$/m)
})

test('reports an image without the chosen platform as failed, with its available platforms', async () => {
  await using at = await source(attested)
  const { from, image } = at
  await using to = await startRegistry()
  const result = await mirrorTo(to.url, from.url, image, '--platform', 'linux/riscv64')
  assert.equal(result.status, 1, result.stderr)
  const { error } = reportOf(result)
  assert.equal(error?.code, 'NO_SUCH_PLATFORM')
  assert.match(error?.message ?? '', /linux\/amd64, linux\/arm64, linux\/arm\/v7/)
})

test('--sparse keeps the original index, which a layout accepts and a strict registry rejects', async () => {
  await using at = await source(attested)
  const { from, image } = at
  await using to = await startRegistry()
  await using directory = await tempDir()
  const sparse = ['--platform', 'linux/amd64', '--sparse']
  const layout = await mirrorTo(`oci:${directory.path}/layout`, from.url, image, ...sparse)
  assert.equal(layout.status, 0, layout.stderr)
  assert.deepEqual([reportOf(layout).digest, reportOf(layout).digestPreserved], [image.index.digest, true])
  const refused = await mirrorTo(to.url, from.url, image, ...sparse)
  assert.equal(refused.status, 1, refused.stderr)
  assert.equal((await contentAt(to.url, 'rancher/attested/manifests/1')).status, 404)
  await using tolerant = await startRegistry({ sparse: true })
  const taken = await mirrorTo(tolerant.url, from.url, image, ...sparse)
  assert.equal(taken.status, 0, taken.stderr)
  assert.deepEqual((await contentAt(tolerant.url, 'rancher/attested/manifests/1')).body, image.index.bytes)
})

test('skips foreign layers and reports them; --foreign-layers fetches them from their own URLs', async () => {
  const layer = Buffer.from('what Windows is made of')
  await using elsewhere = await scriptedServer((_request, response) => void response.end(layer))
  await using from = await startRegistry({ sparse: true })
  await using to = await startRegistry({ sparse: true })
  const { descriptor } = tinyBlob(layer, 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')
  await from.push('rancher/windows', '1', tinyImage(undefined, 'amd64', { layers: [{ ...descriptor, urls: [`${elsewhere.url}/layer`] }] }))
  const args = ['mirror', 'rancher/windows:1', '--from', `docker.io=${from.url}`, '--output', 'json', '--to']
  const without = await runCli([...args, to.url])
  assert.equal(without.status, 0, without.stderr)
  assert.deepEqual([reportOf(without).foreignLayersSkipped, elsewhere.requests.length], [1, 0])
  const words = await runCli([...args, `${to.url}/b`, '--output', 'text'])
  assert.match(words.stdout, /^skipped 1 foreign layer/m)
  const asked = await runCli([...args, `${to.url}/c`, '--foreign-layers'])
  assert.equal(asked.status, 0, asked.stderr)
  assert.equal(reportOf(asked).foreignLayersSkipped, undefined)
  assert.deepEqual((await contentAt(to.url, `c/rancher/windows/blobs/${descriptor.digest}`)).body, layer)
})

test('writes a layout to oci:<dir> that skopeo reads by full references', async () => {
  await using at = await source(attested)
  const { from, image } = at
  await using directory = await tempDir()
  const first = await mirrorTo(`oci:${directory.path}`, from.url, image)
  assert.equal(first.status, 0, first.stderr)
  const { destination, digest } = reportOf(first)
  assert.deepEqual([destination, digest], [image.reference, image.index.digest])
  assert.equal(reportOf(await mirrorTo(`oci:${directory.path}`, from.url, image)).status, 'up-to-date')
  if (findProgram('skopeo') === undefined) return
  assert.equal(await skopeo('inspect', '--raw', `oci:${directory.path}:${image.reference}`), image.index.bytes.toString())
  await skopeo('copy', '--all', '--preserve-digests', `oci:${directory.path}:${image.reference}`, `docker://${from.host}/back/again:1`)
  assert.deepEqual((await contentAt(from.url, 'back/again/manifests/1')).body, image.index.bytes)
})

test('refuses an invalid platform before a layout is created', async () => {
  await using directory = await tempDir()
  const layout = `${directory.path}/layout`
  const { status, stderr } = await runCli(['mirror', 'docker.io/library/busybox:1', '--platform', 'linux', '--to', `oci:${layout}`])
  assert.equal(status, 2, stderr)
  assert.match(stderr, /"linux" is not a platform \(USAGE\)/)
  assert.deepEqual(await readdir(directory.path), [])
})
