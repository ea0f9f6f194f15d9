import { opendir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDigest, type Digest } from '../oci/digest.ts'
import { errnoOf, withLocalIo } from './local-io.ts'

/** Names that a layout of ours has at its top. */
const ownNames: ReadonlySet<string> = new Set(['.k3s-mirror', 'blobs', 'index.json', 'lost+found', 'oci-layout'])

const namesAtOnce = 1024

/** A blob's digest, or the path in the layout of something that is not a blob. */
export type BlobName = { readonly digest: Digest; readonly path?: undefined } | { readonly digest?: undefined; readonly path: string }

/** Everything in the directories of blobs, a part at a time; names of other things at the top of the layout too. Throws LOCAL_IO. */
export async function* blobNames(layoutDirectory: string): AsyncGenerator<BlobName, void> {
  for (const name of await withLocalIo('read', layoutDirectory, () => readdir(layoutDirectory)))
    if (!ownNames.has(name)) yield { path: name }
  const blobs = join(layoutDirectory, 'blobs')
  const algorithms = await readdir(blobs).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  for (const algorithm of algorithms) {
    if (algorithm !== 'sha256' && algorithm !== 'sha512') {
      yield { path: `blobs/${algorithm}` }
      continue
    }
    for await (const entry of await opendir(join(blobs, algorithm), { bufferSize: namesAtOnce })) {
      const digest = `${algorithm}:${entry.name}`
      yield isDigest(digest) && entry.isFile() ? { digest } : { path: `blobs/${algorithm}/${entry.name}` }
    }
  }
}
