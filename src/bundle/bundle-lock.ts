import { open } from 'node:fs/promises'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo, withLocalIo } from '../layout/local-io.ts'
import { replaceFile } from '../layout/replace-file.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'
import { openBundle } from './bundle-reader.ts'
import { formatBundleBase, parseBundleBase, type BundleBase } from './bundle-record.ts'
import { heldContents } from './held-content.ts'
import type { NamedImages } from './named-list.ts'

const maxLockBytes = 256 * 1024 * 1024

/** Reads what a later bundle need not hold, from an earlier bundle or from its lock file. Throws NOT_FOUND, INTEGRITY, INVALID_MANIFEST, LOCAL_IO. */
export async function readBase(path: string, options: CallOptions = {}): Promise<BundleBase> {
  const lock = await readLock(path)
  if (lock !== undefined) return lock
  await using bundle = await openBundle(path, options)
  return { bundle: bundle.digest, contents: await heldContents(bundle, options) }
}

/** The text of a file that begins as a lock file does; undefined for any other file, or none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const start = Buffer.alloc(1)
    await file.read(start, 0, 1, 0)
    return start.toString() !== '{' || size > maxLockBytes ? undefined : await file.readFile('utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw await localIo(error, 'read', path)
  }
}

async function readLock(path: string): Promise<BundleBase | undefined> {
  const text = await readText(path)
  if (text === undefined) return undefined
  const document = parseJsonObject(text)
  if (!isLock(document)) {
    throw new MirrorError('USAGE', `"${path}" is neither a bundle nor a lock file`, {
      hint: 'pass an earlier bundle, or the file from options.lock of bundle create',
    })
  }
  return parseBundleBase(document)
}

function isLock(document: Readonly<Record<string, unknown>> | undefined): document is Readonly<Record<string, unknown>> {
  return document !== undefined && 'bundle' in document && 'contents' in document
}

/** The images of a bundle, by its lock file; undefined for another file. Throws INVALID_LIST and INVALID_REFERENCE for invalid entries, LOCAL_IO. */
export async function readLockNames(path: string): Promise<NamedImages | undefined> {
  const text = await readText(path)
  const document = text === undefined ? undefined : parseJsonObject(text)
  if (text === undefined || !isLock(document)) return undefined
  const { images: names } = document
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new MirrorError('INVALID_LIST', `${path}: the lock file does not list its images`, {
      hint: 'create the bundle again with this version, or pass the bundle',
    })
  }
  const images = names.map(parseReference)
  return { images, lists: [{ name: path, sha256: sha256(Buffer.from(text)).slice('sha256:'.length), images: images.length }], warnings: [] }
}

/** Writes a lock file, whole or not at all. Throws LOCAL_IO. */
export async function writeLock(path: string, { images, ...base }: BundleBase & { readonly images: readonly Reference[] }): Promise<void> {
  const document = { ...formatBundleBase(base), images: images.map(formatReference) }
  await withLocalIo('write', path, () => replaceFile(path, `${JSON.stringify(document, null, 1)}\n`))
}
