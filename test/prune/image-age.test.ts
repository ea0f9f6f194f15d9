import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { builtAt } from '../../src/prune/image-age.ts'
import { tinyBlob, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { indexOver, prunedRegistry, prunedRepository } from './pruned-registry.ts'

function builtOn(created: unknown, annotations?: Readonly<Record<string, string>>): TinyImage {
  const config = tinyBlob(
    Buffer.from(JSON.stringify({ created, architecture: 'amd64', os: 'linux' })),
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const root = tinyManifest({ schemaVersion: 2, mediaType, config: config.descriptor, layers: [], ...(annotations && { annotations }) })
  return { blobs: [config], manifests: [root], root }
}

async function ageOf(image: TinyImage): Promise<string | undefined> {
  await using server = await prunedRegistry()
  server.registry.hold('x', '1', image)
  const built = await builtAt(server.place, prunedRepository, image.root.descriptor.digest)
  return built === undefined ? undefined : new Date(built).toISOString()
}

test('is what the config states, or else the annotation', async () => {
  assert.equal(await ageOf(builtOn('2026-10-01T12:00:00Z')), '2026-10-01T12:00:00.000Z')
  assert.equal(await ageOf(builtOn(undefined, { 'org.opencontainers.image.created': '2026-09-01T00:00:00Z' })), '2026-09-01T00:00:00.000Z')
})

test('is that of the latest image of an index', async () => {
  const index = indexOver(builtOn('2026-10-01T12:00:00Z'), builtOn('2026-10-03T12:00:00Z'), builtOn(undefined))
  assert.equal(await ageOf(index), '2026-10-03T12:00:00.000Z')
})

test('is unknown for the fixed dates of reproducible builds, and for anything that is not a date', async () => {
  for (const created of ['1970-01-01T00:00:00Z', '1980-01-01T00:00:01Z', '0001-01-01T00:00:00Z', 'yesterday', 7, null])
    assert.equal(await ageOf(builtOn(created)), undefined, String(created))
})

test('is unknown for a damaged or missing config, and for a missing manifest', async () => {
  const image = builtOn('2026-10-01T12:00:00Z')
  await using server = await prunedRegistry()
  server.registry.hold('x', '1', image)
  const { digest } = image.root.descriptor
  const config = image.blobs[0]?.descriptor.digest
  server.registry.blobs.set(`x@${config}`, Buffer.from('{"created":"2020-10-01T12:00:00Z","architecture":"amd64","os":"linux"}'))
  assert.equal(await builtAt(server.place, prunedRepository, digest), undefined)
  server.registry.blobs.clear()
  assert.equal(await builtAt(server.place, prunedRepository, digest), undefined)
  assert.equal(await builtAt(server.place, prunedRepository, sha256(Buffer.from('none'))), undefined)
})
