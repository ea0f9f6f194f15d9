import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { imageFile, requireServer } from '../servers/require-server.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('skopeo copies every platform of the image with its digest', async (t) => {
  if (!requireServer(t, 'image') || !requireServer(t, 'skopeo')) return
  await using directory = await tempDir()
  const copy = `${directory.path}/copy`
  await skopeo('copy', '--all', '--preserve-digests', `oci-archive:${imageFile}`, `oci:${copy}:image`)
  const raw = async (place: string): Promise<string> => skopeo('inspect', '--raw', place)
  assert.equal(await raw(`oci:${copy}:image`), await raw(`oci-archive:${imageFile}`))
  const { manifests } = JSON.parse(await readFile(`${copy}/index.json`, 'utf8')) as { manifests: readonly { readonly mediaType: string }[] }
  assert.deepEqual(
    manifests.map(({ mediaType }) => mediaType),
    ['application/vnd.oci.image.index.v1+json'],
  )
})
