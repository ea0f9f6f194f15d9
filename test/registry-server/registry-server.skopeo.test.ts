import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { readLayout } from '../../src/layout/open-layout.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { storeImage, tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { requireServer } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { startRegistry } from './start-registry.ts'

const run = promisify(execFile)

async function skopeo(...args: string[]): Promise<string> {
  const { stdout } = await run('skopeo', ['--insecure-policy', ...args], { maxBuffer: 1 << 24 })
  return stdout
}

test('skopeo reads every image of a layout by its full reference', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using registry = await startRegistry()
  await using out = await tempDir()
  const [first, second] = [tinyIndex(), tinyImage()]
  await storeImage(registry.layout, 'docker.io/rancher/x:1', first)
  await storeImage(registry.layout, 'ghcr.io/k3s-io/y:v2', second)
  for (const [name, image] of [
    ['docker.io/rancher/x:1', first],
    ['ghcr.io/k3s-io/y:v2', second],
  ] as const) {
    assert.equal(await skopeo('inspect', '--raw', `oci:${registry.directory}:${name}`), image.root.bytes.toString())
    await skopeo('copy', '--all', `oci:${registry.directory}:${name}`, `dir:${join(out.path, name.replaceAll(/[/:]/g, '_'))}`)
  }
})

test('skopeo adds an image to our layout, and both images are found', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using registry = await startRegistry()
  await using dir = await tempDir()
  const [first, second] = [tinyIndex(), tinyIndex()]
  await registry.push('a/b', 'v1', first)
  const { openLayout } = await import('../../src/layout/open-layout.ts')
  {
    await using layout = await openLayout(dir.path)
    await storeImage(layout, 'docker.io/rancher/x:1', second)
  }
  await skopeo(
    'copy',
    '--all',
    '--preserve-digests',
    '--src-tls-verify=false',
    `docker://${registry.host}/a/b:v1`,
    `oci:${dir.path}:quay.io/a/b:v1`,
  )
  await using layout = await openLayout(dir.path)
  for (const [registryName, path, tag, image] of [
    ['quay.io', 'a/b', 'v1', first],
    ['docker.io', 'rancher/x', '1', second],
  ] as const) {
    assert.equal((await layout.headManifest({ registry: registryName, path, tag }))?.digest, image.root.descriptor.digest)
    for (const { descriptor } of image.manifests)
      assert.deepEqual(await layout.headManifest({ registry: registryName, path, digest: descriptor.digest }), descriptor)
  }
})

function dockerImage(): TinyImage {
  const layer = tinyBlob(gzipSync(Buffer.alloc(1024)), 'application/vnd.docker.image.rootfs.diff.tar.gzip')
  const config = tinyBlob(
    Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
    'application/vnd.docker.container.image.v1+json',
  )
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
  })
  return { blobs: [layer, config], manifests: [root], root }
}

test('skopeo copies images into the server and out again, byte for byte', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using first = await startRegistry()
  await using second = await startRegistry()
  await using dir = await tempDir()
  const images = { index: tinyIndex(), image: tinyImage(), docker: dockerImage() }
  for (const [tag, image] of Object.entries(images)) {
    await first.push('a/b', tag, image)
    await skopeo(
      'copy',
      '--all',
      '--preserve-digests',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${first.host}/a/b:${tag}`,
      `docker://${second.host}/c/d:${tag}`,
    )
    assert.equal(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${second.host}/c/d:${tag}`), image.root.bytes.toString())
    await skopeo(
      'copy',
      '--all',
      '--preserve-digests',
      '--src-tls-verify=false',
      `docker://${second.host}/c/d:${tag}`,
      `dir:${join(dir.path, tag)}`,
    )
  }
  const list = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${second.host}/c/d`)) as { Tags: string[] }
  assert.deepEqual(list.Tags, ['docker', 'image', 'index'])
  await skopeo('delete', '--tls-verify=false', `docker://${second.host}/c/d:docker`)
  const layout = await readLayout(second.directory)
  assert.deepEqual(layout.tags({ registry: 'localhost', path: 'c/d' }), ['image', 'index'])
})
