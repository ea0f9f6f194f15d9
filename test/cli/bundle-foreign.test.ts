import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { open, stat, truncate } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { ArchiveInfo } from '../../src/bundle/describe-archive.ts'
import type { ImageReport, MirrorReport } from '../../src/report/report.ts'
import { flipBit, packTar, placeOf } from '../bundle/bundle-files.ts'
import { dockerSave } from '../bundle/foreign-files.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { makeBusyboxRelease } from '../servers/busybox-image.ts'
import { startContainerd } from '../servers/containerd.ts'
import { startDockerEngine } from '../servers/docker-engine.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { pushRelease, seedRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

const image = 'docker.io/rancher/busybox:1.37.0'
const platforms = ['linux/amd64', 'linux/arm64'] as const

async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { maxBuffer: 1 << 24 })).stdout
}

/** Pushes archives and gives what the report says of the only image. */
async function push(to: string, ...files: readonly string[]): Promise<ImageReport & { readonly warnings: readonly string[] }> {
  const { status, stdout, stderr } = await runCli(['bundle', 'push', ...files, '--to', to, '--output', 'json'])
  assert.equal(status, 0, `${stdout}${stderr}`)
  const { images, warnings } = JSON.parse(stdout) as MirrorReport
  const [only] = images
  assert.ok(only !== undefined && images.length === 1)
  return { ...only, warnings }
}

/** What `bundle info` says of an archive that `bundle check` has nothing against. */
async function infoOf(file: string): Promise<ArchiveInfo> {
  const checked = await runCli(['bundle', 'check', file])
  assert.equal(checked.status, 0, checked.stdout)
  const { status, stdout, stderr } = await runCli(['bundle', 'info', file, '--output', 'json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as ArchiveInfo
}

const architectures = async (place: string): Promise<readonly string[]> => {
  const { manifests } = JSON.parse(await skopeo('inspect', '--raw', `docker://${place}`)) as {
    readonly manifests: readonly { readonly platform: { readonly architecture: string } }[]
  }
  return manifests.map(({ platform }) => platform.architecture)
}

test('joins docker save archives of two platforms (plain, gzip and zstd) under one tag, which Docker pulls and runs on each', async (t) => {
  if (!requireServer(t, 'dockerd') || !requireServer(t, 'docker-registry') || !requireServer(t, 'skopeo') || !requireServer(t, 'zstd'))
    return
  await using directory = await tempDir()
  await using from = await startDockerRegistry()
  await using to = await startDockerRegistry()
  await using engine = await startDockerEngine()
  await pushRelease(from.url, await makeBusyboxRelease([image]))
  const ids: string[] = []
  for (const platform of platforms) {
    await engine.docker('pull', '--platform', platform, `${from.host}/rancher/busybox:1.37.0`)
    await engine.docker('tag', `${from.host}/rancher/busybox:1.37.0`, 'rancher/busybox:1.37.0')
    ids.push((await engine.docker('inspect', '--format', '{{.Id}}', 'rancher/busybox:1.37.0')).stdout.trim())
    await engine.docker('save', '--output', `${directory.path}/${platform.slice(6)}.tar`, 'rancher/busybox:1.37.0')
  }
  const [amd64, arm64] = [`${directory.path}/amd64.tar`, `${directory.path}/arm64.tar`]
  const plain = await push(`${to.url}/plain`, amd64, arm64)
  assert.deepEqual([plain.source, plain.platforms, plain.digestPreserved], [image, platforms, false])
  assert.match(plain.warnings.join(), /rancher\/busybox:1\.37\.0/)
  assert.deepEqual(await architectures(`${to.host}/plain/rancher/busybox:1.37.0`), ['amd64', 'arm64'])
  await run('gzip', '--keep', amd64)
  await run('zstd', '--quiet', arm64)
  const compressed = await push(`${to.url}/compressed`, `${arm64}.zst`, `${amd64}.gz`)
  assert.equal(compressed.digest, plain.digest, 'the same images give the same index')
  for (const [at, platform] of platforms.entries()) {
    const name = `${to.host}/plain/rancher/busybox:1.37.0`
    await engine.docker('pull', '--platform', platform, name)
    assert.equal((await engine.docker('inspect', '--format', '{{.Id}}', name)).stdout.trim(), ids[at], 'the image keeps its id')
  }
  const info = await infoOf(`${arm64}.zst`)
  assert.deepEqual([info.format, info.tool, info.lists], ['docker-save', undefined, []])
  assert.deepEqual(
    info.images.map(({ reference, platforms: of, digestPreserved }) => [reference, of, digestPreserved]),
    [[image, ['linux/arm64'], false]],
  )
  const again = await push(`${to.url}/plain`, amd64, arm64)
  assert.equal(again.status, 'up-to-date')
})

test('restores the original index byte for byte from ctr exports of each platform, and the manifest from a single export', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'docker-registry') || !requireServer(t, 'skopeo') || !requireServer(t, 'zstd'))
    return
  await using directory = await tempDir()
  await using from = await startDockerRegistry()
  await using to = await startDockerRegistry()
  await using containerd = await startContainerd()
  await pushRelease(from.url, await makeBusyboxRelease([image]))
  const pulled = `${from.host}/rancher/busybox:1.37.0`
  const [original] = (await makeBusyboxRelease([image])).images
  assert.ok(original !== undefined)
  const ctr = (...args: readonly string[]): Promise<string> => run('ctr', '--address', containerd.socket, 'images', ...args)
  await containerd.ctrPull(pulled, { allPlatforms: true })
  await ctr('tag', pulled, image)
  for (const platform of platforms) await ctr('export', '--platform', platform, `${directory.path}/${platform.slice(6)}.tar`, image)
  const [amd64, arm64] = [`${directory.path}/amd64.tar`, `${directory.path}/arm64.tar`]
  await run('zstd', '--quiet', amd64)
  const both = await push(`${to.url}/both`, `${amd64}.zst`, arm64)
  assert.deepEqual([both.digest, both.digestPreserved, both.warnings], [original.index.digest, true, []])
  assert.deepEqual(new Set(both.platforms), new Set(platforms))
  const one = await push(`${to.url}/one`, arm64)
  const own = original.manifests.find(({ platform }) => platform.architecture === 'arm64')
  assert.deepEqual([one.digest, one.digestPreserved, one.platforms], [own?.digest, false, ['linux/arm64']])
  assert.match(one.warnings.join(), /rancher\/busybox:1\.37\.0/)
  const info = await infoOf(arm64)
  assert.deepEqual([info.format, info.images[0]?.digest, info.images[0]?.platforms], ['oci-layout', own?.digest, ['linux/arm64']])
  assert.match((await runCli(['bundle', 'info', arm64])).stdout, /^format: an OCI layout\n1 image, [0-9]+ blobs, /m)
})

test('pushes the archives of skopeo: an oci-archive with a full name or only a tag, and a docker-archive with linked layers', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  await using to = await startRegistry()
  const release = await makeBusyboxRelease([image])
  await pushRelease(from.url, release)
  const source = `docker://${from.url.slice(7)}/rancher/busybox:1.37.0`
  await skopeo('copy', '--all', source, `oci-archive:${directory.path}/named.tar:${image}`)
  const named = await push(to.url, `${directory.path}/named.tar`)
  assert.deepEqual([named.digest, named.digestPreserved], [release.images[0]?.index.digest, true])
  await skopeo('copy', '--all', source, `oci-archive:${directory.path}/tag.tar:1.37.0`)
  const { status, stderr } = await runCli(['bundle', 'push', `${directory.path}/tag.tar`, '--to', to.url])
  assert.equal(status, 2)
  assert.match(stderr, /only by the tag 1\.37\.0.*\nhint: .*oci-archive/)
  await skopeo('copy', source, `docker-archive:${directory.path}/docker.tar:rancher/busybox:1.37.0`)
  const saved = await push(`${to.url}/saved`, `${directory.path}/docker.tar`)
  assert.equal(saved.digestPreserved, false)
})

test('joins single-platform bundles under one tag, and pushes a bundle together with a Docker archive', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  await using to = await startRegistry()
  const release = await seedRelease(from.url)
  const [first] = release.images
  assert.ok(first !== undefined)
  const files: string[] = []
  for (const platform of platforms) {
    const file = `${directory.path}/${platform.slice(6)}.tar`
    const args = ['bundle', 'create', file, first.reference, '--platform', platform, '--from', `docker.io=${from.url}`]
    const { status, stderr } = await runCli(args)
    assert.equal(status, 0, stderr)
    files.push(file)
  }
  const both = await push(`${to.url}/both`, ...files)
  assert.deepEqual([both.platforms, both.digestPreserved], [platforms, false])
  await using saved = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] }))
  const mixed = await runCli(['bundle', 'push', ...files, saved.path, '--to', `${to.url}/mixed`, '--output', 'json'])
  assert.deepEqual(
    (JSON.parse(mixed.stdout) as MirrorReport).images.map(({ source, status }) => [source, status]),
    [
      [first.reference, 'copied'],
      ['docker.io/site/tool:1', 'copied'],
    ],
  )
})

/** Pushes one archive that has to be refused; nothing may be named at the destination. */
async function refused(path: string): Promise<CliResult> {
  await using to = await startRegistry()
  const result = await runCli(['bundle', 'push', path, '--to', to.url, '--retries', '0'])
  const { body } = await plainRequest(`${to.url}/v2/site/tool/tags/list`)
  assert.doesNotMatch(body.toString(), /"1"/)
  return result
}

test('exits with 3 and publishes no tag for a layer that does not match the config or a truncated archive', async () => {
  const layer = Buffer.alloc(64 * 1024, 'layer')
  await using changed = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [layer] }))
  await flipBit(changed.path, await placeOf(changed.path, layer))
  const checked = await runCli(['bundle', 'check', changed.path])
  assert.equal(checked.status, 4)
  assert.match(checked.stdout, /problem: .*layer\.tar does not match its digest; needed by docker\.io\/site\/tool:1/)
  const wrong = await refused(changed.path)
  assert.equal(wrong.status, 3)
  assert.match(wrong.stderr, /INTEGRITY/)

  await run('gzip', '--keep', changed.path)
  for (const path of [changed.path, `${changed.path}.gz`]) {
    await truncate(path, Math.floor((await stat(path)).size / 2))
    const cut = await refused(path)
    assert.equal(cut.status, 3)
    assert.match(cut.stderr, /truncated/)
  }
})

test('rejects a hostile archive with the reason before any transfer', async () => {
  const good = dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] })
  const list = (layers: readonly string[]): string =>
    JSON.stringify([{ Config: Object.keys(good)[0], RepoTags: ['site/tool:1'], Layers: layers }])
  for (const [layers, status, words] of [
    [['../x'], 3, /outside the archive/],
    [['/etc/passwd'], 3, /outside the archive/],
    [['missing/layer.tar'], 3, /is missing/],
    [[], 2, /lists 0 layers for site\/tool:1, but its config lists 1/],
  ] as const) {
    await using archive = await packTar({ ...good, 'manifest.json': list(layers) })
    assert.equal((await runCli(['bundle', 'check', archive.path])).status, 4)
    const result = await refused(archive.path)
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, words)
  }
  await using large = await packTar({ ...good, 'manifest.json': Buffer.alloc(100_000_000, ' ') })
  assert.match((await refused(large.path)).stderr, /larger than 8 MiB/)
  await using twice = await packTar(good)
  await using handle = await open(twice.path, 'r+')
  const { size } = await stat(twice.path)
  const body = Buffer.alloc(size)
  await handle.read(body, 0, size, 0)
  const files = body.subarray(0, size - 1024)
  await handle.write(Buffer.concat([files, body]), 0, size * 2 - 1024, 0)
  assert.match((await refused(twice.path)).stderr, /the archive contains .* twice/)
})

test('bundle info and bundle check reject an archive without images', async () => {
  await using packed = await packTar({ 'readme.txt': 'no images here' })
  for (const command of ['info', 'check']) {
    const { status, stderr } = await runCli(['bundle', command, packed.path])
    assert.equal(status, 2)
    assert.match(stderr, /not an archive of images: k3s-mirror\.json, index\.json and manifest\.json are missing/)
  }
})
