import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { startDockerRegistry } from './docker-registry.ts'
import { plainRequest } from './http-request.ts'
import { k3sImages, shapesFor } from './release-shapes.ts'
import { requireServer } from './require-server.ts'
import { makeRelease, pushRelease, seedRelease } from './seed-release.ts'
import { tempDir } from './temp-dir.ts'

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

test('the same options make the same release, another salt keeps the shared layers', () => {
  const [one, again, other] = [makeRelease(), makeRelease(), makeRelease({ salt: 'second' })]
  assert.deepEqual(
    one.images.map((image) => image.index.digest),
    again.images.map((image) => image.index.digest),
  )
  assert.equal(
    one.images.some((image, position) => image.index.digest === other.images[position]?.index.digest),
    false,
  )
  const shared = [...one.blobs.keys()].filter((digest) => other.blobs.has(digest))
  // one base of Alpine and four layers of distroless on three platforms
  assert.equal(shared.length, 15)
})

test('digests and sizes are those of the bytes, and layers are gzipped archives', () => {
  const { images, blobs } = makeRelease()
  for (const manifest of images.flatMap((image) => image.manifests)) {
    assert.equal(sha256(manifest.bytes), manifest.digest)
    for (const { digest, size, content, mediaType } of manifest.layers) {
      const bytes = content?.() ?? Buffer.alloc(0)
      assert.equal(sha256(bytes), digest)
      assert.equal(bytes.length, size)
      assert.equal(blobs.get(digest), size)
      if (mediaType.endsWith('gzip')) assert.equal(gunzipSync(bytes).toString('latin1', 257, 262), 'ustar')
    }
  }
})

test('the release holds what real ones hold', () => {
  const { images, list } = makeRelease({
    images: [...k3sImages, { ...k3sImages[1], repository: 'rancher/foreign', foreignLayer: true } as never],
  })
  assert.match(list, /^docker\.io\/rancher\/klipper-helm:v0\.13\.3-build20260727\n/)
  const image = (name: string) => images.find(({ repository }) => repository === `rancher/${name}`)
  assert.match(image('klipper-lb')?.index.mediaType ?? '', /oci/)
  assert.match(image('mirrored-metrics-server')?.index.mediaType ?? '', /docker/)
  assert.equal(image('mirrored-library-traefik')?.manifests.filter(({ attestation }) => attestation).length, 3)
  assert.equal(image('mirrored-pause')?.manifests.filter(({ platform }) => platform['os.version'] !== undefined).length, 2)
  assert.ok(image('foreign')?.manifests.every(({ layers }) => layers[0]?.urls !== undefined && layers[0].content === undefined))
})

test('every list gets shapes', () => {
  const shapes = shapesFor(['docker.io/rancher/mirrored-pause:3.6', 'ghcr.io/k3s-io/x:1', 'rancher/y'])
  assert.deepEqual(
    shapes.map(({ repository, tag }) => `${repository}:${tag}`),
    ['rancher/mirrored-pause:3.6', 'k3s-io/x:1', 'rancher/y:latest'],
  )
  assert.equal(shapes[0]?.kind, 'windows')
})

test('a real registry takes all of it', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry()
  const release = await seedRelease(registry.url)
  for (const { repository, tag, index } of release.images) {
    const answer = await plainRequest(`${registry.url}/v2/${repository}/manifests/${tag}`, { headers: { accept: index.mediaType } })
    assert.equal(answer.headers['docker-content-digest'], index.digest)
    assert.deepEqual(answer.body, index.bytes)
  }
})

test('a real registry takes a foreign layer, and skopeo reads an image', async (t) => {
  if (!requireServer(t, 'docker-registry') || !requireServer(t, 'skopeo')) return
  await using registry = await startDockerRegistry()
  await using directory = await tempDir()
  const release = makeRelease({
    images: [
      { repository: 'rancher/foreign', tag: '1', kind: 'docker', layers: [{ megabytes: 1 }], foreignLayer: true },
      { repository: 'rancher/klipper-lb', tag: '1', kind: 'oci', layers: [{ megabytes: 1 }] },
    ],
  })
  await pushRelease(registry.url, release, { prefix: 'mirror' })
  const image = `docker://${registry.host}/mirror/rancher/klipper-lb:1`
  const skopeo = (...args: readonly string[]) => promisify(execFile)('skopeo', args)
  await skopeo('copy', '--all', '--src-tls-verify=false', image, `oci:${directory.path}/layout:1`)
  const { stdout } = await skopeo('inspect', '--raw', '--tls-verify=false', image)
  assert.equal(sha256(Buffer.from(stdout)), release.images[1]?.index.digest)
})
