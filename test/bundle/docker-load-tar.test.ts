import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { contentOf } from '../../src/async/content.ts'
import { dockerLoadTar } from '../../src/bundle/docker-load-tar.ts'
import { JoinedSource } from '../../src/bundle/joined-source.ts'
import { MirrorError } from '../../src/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { startContainerd } from '../servers/containerd.ts'
import { requireServer } from '../servers/require-server.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { packTar } from './bundle-files.ts'
import { dockerSave } from './foreign-files.ts'

const reference = parseReference('rancher/x:1')
const layers = [Buffer.alloc(1024), Buffer.alloc(700 * 1024)]

/** Writes the tar of an image with a layer that stands in it twice, and gives the digest of its manifest. */
async function write(path: string): Promise<string> {
  await using packed = await packTar(dockerSave({ tags: ['rancher/x:1'], layers: [...layers, Buffer.alloc(1024)] }))
  await using source = await JoinedSource.open([packed.path])
  await source.join(source.names())
  const manifest = await source.getManifest(reference)
  await pipeline(
    dockerLoadTar({ reference, manifest }, (blob) => source.getBlob(reference, blob)),
    createWriteStream(path),
  )
  return manifest.descriptor.digest
}

test('what is loaded is read again as an archive with the same manifest', async () => {
  await using directory = await tempDir()
  const digest = await write(`${directory.path}/x.tar`)
  await using source = await JoinedSource.open([`${directory.path}/x.tar`])
  const [image] = await source.join(source.names())
  assert.deepEqual([image?.digest, image?.reference, image?.platforms], [digest, reference, ['linux/amd64']])
})

test('containerd, which stands behind newer Engines, imports it by the manifest; skopeo takes it for a docker save', async (t) => {
  if (!requireServer(t, 'containerd') || !requireServer(t, 'skopeo')) return
  await using directory = await tempDir()
  const file = `${directory.path}/x.tar`
  const digest = await write(file)
  await using containerd = await startContainerd()
  const ctr = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('ctr', ['--address', containerd.socket, 'images', ...args])).stdout
  await ctr('import', '--no-unpack', file)
  assert.match(await ctr('list'), new RegExp(`docker.io/rancher/x:1 .*${digest}`))
  assert.match(await skopeo('inspect', `docker-archive:${file}:docker.io/rancher/x:1`), /"Architecture": "amd64"/)
})

test('a blob that fails is the failure of the stream, and a reader that leaves ends the reading', async () => {
  await using packed = await packTar(dockerSave({ tags: ['rancher/x:1'], layers }))
  await using source = await JoinedSource.open([packed.path])
  await source.join(source.names())
  const image = { reference, manifest: await source.getManifest(reference) }
  const failure = new MirrorError('INTEGRITY', 'other content')
  await assert.rejects(dockerLoadTar(image, () => Promise.reject(failure)).toArray(), failure)

  let left: (error: unknown) => void = () => undefined
  const hasLeft = new Promise((resolve) => (left = resolve))
  const endless = dockerLoadTar(image, () =>
    Promise.resolve({
      ...contentOf(Buffer.alloc(0)),
      read: async (sink) => {
        try {
          for (;;) await sink(Buffer.alloc(64 * 1024))
        } catch (error) {
          left(error)
          throw error
        }
      },
    }),
  )
  for await (const chunk of endless) if ((chunk as Buffer).length === 64 * 1024) break
  assert.equal(((await hasLeft) as Error).name, 'AbortError')
})
