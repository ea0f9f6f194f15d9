import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { plainRequest } from './http-request.ts'
import type { SeededDescriptor, SeededImage, SeededRelease } from './seed-release.ts'

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function compareManifest(url: string, reference: string, expected: SeededDescriptor & { readonly bytes: Buffer }): Promise<void> {
  const { status, headers, body } = await plainRequest(`${url}/manifests/${reference}`, { headers: { accept: expected.mediaType } })
  assert.equal(status, 200, `${url}/manifests/${reference}`)
  assert.equal(headers['content-type'], expected.mediaType)
  assert.deepEqual(body, expected.bytes, `${url}/manifests/${reference} is not byte for byte the same`)
}

async function compareImage(url: string, image: SeededImage): Promise<void> {
  await compareManifest(url, image.tag, image.index)
  for (const manifest of image.manifests) {
    await compareManifest(url, manifest.digest, manifest)
    for (const blob of [manifest.config, ...manifest.layers]) {
      if (blob.content === undefined) continue
      const { status, body } = await plainRequest(`${url}/blobs/${blob.digest}`)
      assert.equal(status, 200, `${url}/blobs/${blob.digest}`)
      assert.equal(body.length, blob.size)
      assert.equal(sha256(body), blob.digest)
    }
  }
}

/** Fails unless a registry has every tag, index, child manifest, config and layer of the release under the prefix, byte for byte. */
export async function compareRelease(registry: string, prefix: string, release: SeededRelease): Promise<void> {
  for (const image of release.images) await compareImage(`${registry}/v2/${prefix}${image.repository}`, image)
}
