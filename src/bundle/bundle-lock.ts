import { open } from 'node:fs/promises'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo, withLocalIo } from '../layout/local-io.ts'
import { replaceFile } from '../layout/replace-file.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseJson } from '../oci/json-object.ts'
import { openBundle } from './bundle-reader.ts'
import { formatBundleBase, parseBundleBase, type BundleBase } from './bundle-record.ts'
import { heldContents } from './held-content.ts'

const maxLockBytes = 256 * 1024 * 1024

/** Reads what a later bundle need not hold, from an earlier bundle or from its lock file. Throws NOT_FOUND, INTEGRITY, INVALID_MANIFEST, LOCAL_IO. */
export async function readBase(path: string, options: CallOptions = {}): Promise<BundleBase> {
  const lock = await readLock(path)
  if (lock !== undefined) return lock
  await using bundle = await openBundle(path, options)
  return { bundle: bundle.digest, contents: await heldContents(bundle, options) }
}

async function readLock(path: string): Promise<BundleBase | undefined> {
  let text
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const start = Buffer.alloc(1)
    await file.read(start, 0, 1, 0)
    if (start.toString() !== '{' || size > maxLockBytes) return undefined
    text = await file.readFile('utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw await localIo(error, 'read', path)
  }
  const message = `${path} is neither a bundle nor the lock file of one`
  return parseBundleBase(parseJson(text, (cause) => new MirrorError('INVALID_MANIFEST', message, { cause })))
}

/** Writes a lock file, whole or not at all. Throws LOCAL_IO. */
export async function writeLock(path: string, base: BundleBase): Promise<void> {
  await withLocalIo('write', path, () => replaceFile(path, `${JSON.stringify(formatBundleBase(base), null, 1)}\n`))
}
