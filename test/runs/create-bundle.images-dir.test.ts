import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Archive } from '../../src/bundle/archive.ts'
import { checkBundle } from '../../src/bundle/check-archive.ts'
import { describeBundle } from '../../src/bundle/describe-archive.ts'
import { createBundle, type CreateBundleOptions } from '../../src/runs/create-bundle.ts'
import { lockImages } from '../../src/runs/lock-images.ts'
import { pushBundle } from '../../src/runs/push-bundle.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { busyboxLine, makeBusyboxRelease } from '../servers/busybox-image.ts'
import { startContainerd } from '../servers/containerd.ts'
import { faultProxy, type FaultProxy } from '../servers/fault-proxy.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { pushRelease, seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const busybox = 'docker.io/rancher/mirrored-library-busybox:1.37.0-test'
const both = ['linux/amd64', 'linux/arm64']
const oneOfEachKind = [...new Map(k3sImages.map((shape) => [shape.kind, shape])).values()]

/** A release with attestations and Docker lists, an image that runs, and files that are made of them. */
interface Source extends AsyncDisposable {
  readonly proxy: FaultProxy
  readonly release: SeededRelease
  readonly directory: TempDir
  create(file: string, options?: Partial<CreateBundleOptions>): Promise<string>
}

async function source(): Promise<Source> {
  const registry = await startRegistry()
  const seeded = await seedRelease(registry.url, { images: oneOfEachKind })
  const runnable = await makeBusyboxRelease([busybox])
  await pushRelease(registry.url, runnable)
  const release = { ...seeded, images: [...seeded.images, ...runnable.images] }
  const proxy = await faultProxy(registry.url)
  const directory = await tempDir()
  const from = { 'docker.io': proxy.url }
  const references = release.images.map(({ reference }) => reference)
  return {
    proxy,
    release,
    directory,
    async create(name, options) {
      const file = `${directory.path}/${name}`
      const { totals } = await createBundle({ file, from, references, forImagesDir: true, ...options }).report
      assert.deepEqual([totals.failed, totals.copied], [0, (options?.references ?? references).length])
      return file
    },
    async [Symbol.asyncDispose]() {
      for (const one of [proxy, registry, directory]) await one[Symbol.asyncDispose]()
    },
  }
}

/** The children of an image that a node of the architecture needs, attestations included. */
function childrenOf({ manifests }: SeededRelease['images'][number], architecture: string) {
  return manifests.filter(({ platform, attestation }, at) => {
    const about = attestation ? manifests[at - 1]?.platform : platform
    return about?.os === 'linux' && about.architecture === architecture
  })
}

/** The entries of index.json in an archive. */
async function indexOf(file: string): Promise<readonly { readonly digest: string }[]> {
  await using archive = await Archive.open(file)
  const entry = await archive.find('index.json')
  assert.ok(entry !== undefined && (await archive.find('k3s-mirror.json')) === undefined)
  return (JSON.parse((await archive.bytes(entry, 1 << 20)).toString('utf8')) as { manifests: readonly { digest: string }[] }).manifests
}

test('writes one file for each architecture, reads each blob once, and gives the same bytes again', async () => {
  await using at = await source()
  await at.create('k3s-{arch}.tar', { platforms: both })
  assert.deepEqual((await readdir(at.directory.path)).toSorted(), ['k3s-amd64.tar', 'k3s-arm64.tar'])
  const children = at.release.images.flatMap((image) => both.flatMap((platform) => childrenOf(image, platform.slice(6))))
  const blobs = new Set(children.flatMap(({ config, layers }) => [config, ...layers]).map(({ digest }) => digest))
  assert.equal(at.proxy.counters.kinds['blob-get'], blobs.size)
  await at.create('again-{arch}.tar', { platforms: both })
  for (const architecture of ['amd64', 'arm64']) {
    const [first, again] = await Promise.all(['k3s', 'again'].map((name) => readFile(`${at.directory.path}/${name}-${architecture}.tar`)))
    assert.ok(again !== undefined && first?.equals(again))
  }
})

test('keeps the original index, which several files for several platforms share', async () => {
  await using at = await source()
  await at.create('k3s-{arch}.tar.gz', { platforms: both })
  const files = ['amd64', 'arm64'].map((architecture) => `${at.directory.path}/k3s-${architecture}.tar.gz`)
  for (const file of files) {
    assert.deepEqual((await checkBundle(file)).problems, [])
    assert.deepEqual(
      (await indexOf(file)).map(({ digest }) => digest),
      at.release.images.map(({ index }) => index.digest),
    )
    const { images, format, lists } = await describeBundle(file)
    assert.deepEqual([format, lists, images.length], ['oci-layout', [], at.release.images.length])
    const platform = file.includes('amd64') ? 'linux/amd64' : 'linux/arm64'
    for (const { reference, platforms } of images) assert.deepEqual([reference, platforms], [reference, [platform]])
  }
  await using to = await startRegistry()
  const pushed = await pushBundle({ files, to: to.url }).report
  assert.equal(pushed.totals.failed, 0)
  const original = at.release.images.at(-1)
  const joined = pushed.images.find(({ source: name }) => name === busybox)
  assert.deepEqual([joined?.digest, joined?.digestPreserved], [original?.index.digest, true])
})

test('holds the digests of a lock for sparse indexes, and refuses one for new indexes', async () => {
  await using at = await source()
  const lock = async (name: string, sparse: boolean): Promise<string> => {
    const out = `${at.directory.path}/${name}`
    await lockImages({ out, references: [busybox], from: { 'docker.io': at.proxy.url }, platforms: ['linux/arm64'], sparse })
    return out
  }
  const [sparse, subset] = [await lock('sparse.lock', true), await lock('subset.lock', false)]
  await at.create('k3s-{arch}.tar', { locked: sparse, references: [busybox], platforms: ['linux/arm64'] })
  const options = { references: [busybox], platforms: ['linux/arm64'] }
  await assert.rejects(at.create('x-{arch}.tar', { ...options, locked: subset }), {
    code: 'USAGE',
    message: `options.forImagesDir would change the digests of ${subset}`,
  })
  await assert.rejects(at.create('x.tar', { ...options, locked: sparse, forImagesDir: false }), {
    code: 'USAGE',
    message: /lock for sparse indexes/,
  })
})

test('refuses an image without a tag before anything is read', async () => {
  await using at = await source()
  const digest = at.release.images[0]?.index.digest
  await assert.rejects(at.create('k3s.tar', { references: [`docker.io/rancher/x@${digest}`] }), { code: 'USAGE' })
  assert.equal(at.proxy.counters.total, 0)
})

// K3s imports with all platforms and skips what is missing, which ctr 1.6 cannot express: a platform filter visits the same content of a file of one platform.
test('containerd imports a file of one platform into the namespace of K3s, and the kubelet finds complete images that run', async (t) => {
  if (!requireServer(t, 'containerd')) return
  const here = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64'
  await using at = await source()
  await at.create('k3s-{arch}.tar', { platforms: both })
  await using containerd = await startContainerd()
  const ctr = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)('ctr', ['--address', containerd.socket, '--namespace', 'k8s.io', 'images', ...words])).stdout
  const file = `${at.directory.path}/k3s-${here.slice(6)}.tar`
  // K3s before June 2024 requires every platform of an index.
  await assert.rejects(ctr('import', '--all-platforms', '--no-unpack', file), /content digest .* not found/)
  await ctr('import', '--platform', here, '--no-unpack', file)
  const checked = await ctr('check')
  for (const { reference, index } of at.release.images) {
    const line = checked.split('\n').find((one) => one.startsWith(`${reference} `))
    assert.match(line ?? checked, new RegExp(`${index.digest} +complete `))
    assert.ok((await containerd.criImageStatus(reference))?.repoTags.includes(reference), reference)
  }
  assert.equal(await containerd.run({ namespace: 'k8s.io', name: busybox }, ['/bin/echo', busyboxLine]), `${busyboxLine}\n`)
})
