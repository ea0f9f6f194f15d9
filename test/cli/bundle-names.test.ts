import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ArchiveInfo } from '../../src/bundle/describe-archive.ts'
import type { ImageReport, MirrorReport } from '../../src/report/report.ts'
import { packTar } from '../bundle/bundle-files.ts'
import { dockerSave } from '../bundle/foreign-files.ts'
import { attestationOf, cosignTag, entryOf, layoutFiles, sbomOf, signatureOf, tinyArtifact } from '../layout/layout-files.ts'
import { tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { startDockerEngine } from '../servers/docker-engine.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

interface Pushed {
  readonly images: readonly Pick<ImageReport, 'source' | 'digest'>[]
  readonly warnings: readonly string[]
}

/** Pushes an archive that has to go through, and gives its images and warnings. */
async function push(path: string, to: string, ...options: readonly string[]): Promise<Pushed> {
  const { status, stdout, stderr } = await runCli(['bundle', 'push', path, '--to', to, ...options, '--output', 'json'])
  assert.equal(status, 0, `${stdout}${stderr}`)
  return JSON.parse(stdout) as MirrorReport
}

const sources = ({ images }: Pushed): readonly string[] => images.map(({ source }) => source).toSorted()

async function info(path: string, ...options: readonly string[]): Promise<ArchiveInfo> {
  const checked = await runCli(['bundle', 'check', path, ...options])
  assert.equal(checked.status, 0, checked.stdout + checked.stderr)
  const { status, stdout, stderr } = await runCli(['bundle', 'info', path, ...options, '--output', 'json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as ArchiveInfo
}

const x = 'docker.io/rancher/x:1'
const index = tinyIndex()
const { digest } = index.root.descriptor
const chart = tinyArtifact(Buffer.from('chart'), 'application/vnd.cncf.helm.chart.content.v1.tar+gzip')
const file = tinyArtifact(Buffer.from('file'), 'application/vnd.hauler.cattle.io.layer.v1.file')
const [sig, att, sbom, plain] = [signatureOf(digest), attestationOf(digest), sbomOf(), tinyImage()]
const hauled = (kind: string, name = x): Record<string, string> => ({
  kind: `dev.hauler/${kind}`,
  'io.containerd.image.name': name,
  'org.opencontainers.image.ref.name': name.slice('docker.io/'.length),
})
const ref = (name: string, kind = 'image'): Record<string, string> => ({
  kind: `dev.hauler/${kind}`,
  'org.opencontainers.image.ref.name': name,
})
const store = layoutFiles(
  [index, chart, file, sig, att, sbom, plain],
  [
    entryOf(index, hauled('imageIndex')),
    entryOf(plain, hauled('image', 'docker.io/rancher/plain:1')),
    entryOf(chart, ref('hauler/rancher:2.8.0')),
    entryOf(file, ref('hauler/K3s.txt:latest')),
    entryOf(sig, hauled('sigs')),
    entryOf(att, hauled('atts')),
    entryOf(sbom, hauled('sboms')),
  ],
)
const companions = ['sig', 'att', 'sbom'].map((ending) => `docker.io/rancher/x:${cosignTag(index, ending as 'sig')}`).toSorted()

test('a store of hauler is pushed with its signatures under the tags of cosign, its charts, and a warning about a file without a name', async (t) => {
  if (!requireServer(t, 'docker-registry') || !requireServer(t, 'skopeo')) return
  await using packed = await packTar(store)
  await using to = await startDockerRegistry()
  const pushed = await push(packed.path, to.url)
  assert.deepEqual(sources(pushed), ['docker.io/hauler/rancher:2.8.0', 'docker.io/rancher/plain:1', x, ...companions].toSorted())
  assert.equal(pushed.warnings.length, 1)
  assert.match(pushed.warnings[0] ?? '', new RegExp(`skipped ${file.root.descriptor.digest}: .*K3s\\.txt:latest.*lower case`))
  const raw = await skopeo('inspect', '--raw', `docker://${to.host}/rancher/x:${cosignTag(index, 'sig')}`)
  assert.equal(raw, Buffer.from(sig.root.bytes).toString())
  const { images, skipped } = await info(packed.path)
  assert.equal(images.length, 6)
  assert.equal(skipped?.length, 1)
  assert.match((await runCli(['bundle', 'info', packed.path])).stdout, /^skipped sha256:/m)
})

test('signatures follow their image through --include and --exclude', async () => {
  await using packed = await packTar(store)
  await using to = await startRegistry()
  assert.deepEqual(sources(await push(packed.path, `${to.url}/a`, '--include', '*/x:*')), [x, ...companions].toSorted())
  assert.deepEqual(sources(await push(packed.path, `${to.url}/b`, '--exclude', '*/x:1')), [
    'docker.io/hauler/rancher:2.8.0',
    'docker.io/rancher/plain:1',
  ])
})

test('bundle load skips signatures and charts by name', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  await using engine = await startDockerEngine()
  const image = { tags: ['site/tool:1'], architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', layers: [Buffer.alloc(1024)] }
  const own = tinyImage(Buffer.alloc(1024), image.architecture)
  const signature = signatureOf(own.root.descriptor.digest)
  const entries = [entryOf(own, hauled('image')), entryOf(signature, hauled('sigs')), entryOf(chart, ref('hauler/rancher:2.8.0'))]
  await using packed = await packTar(layoutFiles([own, signature, chart], entries))
  const { status, stdout, stderr } = await runCli(['bundle', 'load', packed.path, '--docker-host', engine.host, '--output', 'json'])
  assert.equal(status, 0, stdout + stderr)
  const { images, warnings } = JSON.parse(stdout) as MirrorReport
  assert.deepEqual(
    images.map(({ source, status: outcome }) => [source, outcome]),
    [[x, 'copied']],
  )
  assert.deepEqual(warnings, [
    `skipped docker.io/rancher/x:${cosignTag(own, 'sig')}: a Docker Engine loads only container images`,
    'skipped docker.io/hauler/rancher:2.8.0: a Docker Engine loads only container images',
  ])
})

test("an export of a node's containerd has more than 1,000 entries: tag, digest and id of each image", async () => {
  const images = Array.from({ length: 334 }, () => tinyImage())
  const entries = images.flatMap((image, at) => {
    const id = `sha256:${at.toString(16).padStart(64, '0')}`
    const names = [`docker.io/rancher/n${at}:1`, `docker.io/rancher/n${at}@${image.root.descriptor.digest}`, id]
    return names.map((name) => entryOf(image, { 'io.containerd.image.name': name }))
  })
  assert.equal(entries.length, 1002)
  await using packed = await packTar(layoutFiles(images, entries))
  await using to = await startRegistry()
  const pushed = await push(packed.path, to.url)
  assert.deepEqual([pushed.images.length, pushed.warnings], [334, []])
  assert.equal((await info(packed.path)).skipped, undefined)
})

test('an image without a name does not keep back those that have one, in an OCI layout and in what docker save writes', async () => {
  await using to = await startRegistry()
  const [named, bare, none, malformed] = [tinyImage(), tinyImage(), tinyImage(), tinyImage()]
  const layout = layoutFiles(
    [named, bare, none, malformed],
    [
      entryOf(named, { 'io.containerd.image.name': x }),
      entryOf(bare, { 'org.opencontainers.image.ref.name': '3.20' }),
      entryOf(none),
      entryOf(malformed, { 'io.containerd.image.name': 'docker.io/A b' }),
    ],
  )
  await using first = await packTar(layout)
  const pushed = await push(first.path, `${to.url}/oci`)
  assert.deepEqual(sources(pushed), [x])
  for (const [image, words] of [
    [bare, 'named only by the tag 3\\.20'],
    [none, 'it has no name'],
    [malformed, 'invalid image reference'],
  ] as const)
    assert.match(pushed.warnings.join('\n'), new RegExp(`skipped ${image.root.descriptor.digest}: .*${words}`))
  const named320 = await push(first.path, `${to.url}/named`, '--name', 'docker.io/library/alpine')
  assert.deepEqual(sources(named320), ['docker.io/library/alpine:3.20', x])

  const layers = [Buffer.alloc(1024, 'a')]
  await using second = await packTar(dockerSave({ tags: ['rancher/x:1', '<none>:<none>'], layers }, { layers: [Buffer.alloc(1024, 'b')] }))
  const saved = await push(second.path, `${to.url}/saved`)
  assert.deepEqual(sources(saved), [x])
  assert.equal(saved.warnings.length, 2)
  assert.match(saved.warnings.join('\n'), /only <none>:<none>.*\n.*skipped [0-9a-f]{64}\.json: it has no name/)
  assert.equal((await info(second.path)).skipped?.length, 2)
  assert.deepEqual(sources(await push(second.path, `${to.url}/both`, '--name', 'site/tool:2')), [x, 'docker.io/site/tool:2'])
})

test('an archive in which nothing has a name is refused with what to do, and pushed under a name that is given', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using directory = await tempDir()
  await using to = await startRegistry()
  await using saved = await packTar(dockerSave({ layers: [Buffer.alloc(1024)] }))
  const archive = `${directory.path}/oci.tar`
  await using from = await startRegistry()
  await using named = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] }))
  await push(named.path, from.url)
  await skopeo('copy', `docker://${from.url.slice(7)}/site/tool:1`, `oci-archive:${archive}`)
  for (const path of [saved.path, archive]) {
    for (const args of [
      ['push', path, '--to', to.url],
      ['load', path],
    ]) {
      const { status, stderr } = await runCli(['bundle', ...args])
      assert.equal(status, 2, stderr)
      assert.match(stderr, /no image has a full name: .*it has no name/)
      assert.match(stderr, /--name <registry\/repository>\[:tag\]/)
      const tagless = await runCli(['bundle', ...args, '--name', 'docker.io/site/tool'])
      assert.match(tagless.stderr, /hint: add a tag to --name/)
    }
    for (const command of ['info', 'check']) {
      const { status, stdout } = await runCli(['bundle', command, path])
      assert.equal(status, 0)
      assert.match(stdout, /skipped .*: it has no name/)
    }
    assert.deepEqual(sources(await push(path, to.url, '--name', 'docker.io/site/tool:3')), ['docker.io/site/tool:3'])
    assert.equal((await info(path, '--name', 'docker.io/site/tool:3')).images.length, 1)
  }
  const { body } = await plainRequest(`${to.url}/v2/site/tool/tags/list`)
  assert.match(body.toString(), /"3"/)
})
