import { open, stat } from 'node:fs/promises'
import { isMirrorError, MirrorError } from '../errors.ts'
import { errnoOf, localIo, withLocalIo } from '../layout/local-io.ts'
import { replaceFile } from '../layout/replace-file.ts'
import { looksLikeLock, type Lock } from '../lock/lock.ts'
import { lockedReference } from '../lock/locked-reference.ts'
import { readLockText } from '../lock/read-lock-file.ts'
import { sha256, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { formatReference, parseReference } from '../oci/reference.ts'
import { openBundle } from './bundle-reader.ts'
import { knownFiles, parseBundleBase, type BundleBase, type HeldContent, type KitFile } from './bundle-record.ts'
import { headBytes } from './file-format.ts'
import { heldContents } from './held-content.ts'
import type { NamedImages } from './named-list.ts'

const maxLockBytes = 256 * 1024 * 1024

/** Reads what a later bundle need not hold, from an earlier bundle or from its lock file. Throws NOT_FOUND, INTEGRITY, INVALID_LIST, INVALID_MANIFEST, LOCAL_IO. */
export async function readBase(path: string, options: CallOptions = {}): Promise<BundleBase> {
  const text = await readText(path)
  if (text !== undefined) return readLockBase(text, path)
  await using bundle = await openBundle(path, options)
  const { files, base } = bundle.record
  const brought = files && knownFiles(base?.files, files)
  return { bundle: bundle.digest, contents: await heldContents(bundle, options), ...(brought && { files: brought }) }
}

/** The text of a file that begins as a lock file does; undefined for any other file, or none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    const start = buffer.toString('utf8', 0, bytesRead)
    const isLock = start.startsWith('{') || looksLikeLock(start)
    return !isLock || size > maxLockBytes ? undefined : (await file.read(Buffer.alloc(size), 0, size, 0)).buffer.toString('utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw await localIo(error, 'read', path)
  }
}

/** The lock of an earlier version, in JSON: its bundle's contents, and the names of its images without digests. */
function parseOldLock(text: string): Readonly<Record<string, unknown>> | undefined {
  const document = text.startsWith('{') ? parseJsonObject(text) : undefined
  return document !== undefined && typeof document['bundle'] === 'string' && 'contents' in document ? document : undefined
}

async function readLockBase(text: string, path: string): Promise<BundleBase> {
  const old = parseOldLock(text)
  if (old !== undefined) return parseBundleBase(old)
  const lock = await readLockText(text, path)
  if (lock === undefined) {
    throw new MirrorError('USAGE', `"${path}" is neither a bundle nor a lock file`, {
      hint: 'pass an earlier bundle, or the file from options.lock of bundle create',
    })
  }
  if (lock.bundle === undefined) {
    throw new MirrorError('USAGE', `"${path}" is not the lock file of a bundle`, {
      hint: 'pass an earlier bundle, or the file from options.lock of bundle create',
    })
  }
  const { digest, contents, files } = lock.bundle
  return {
    bundle: digest,
    ...(files && { files }),
    contents: contents.map(({ digest: of, size, kind, image }) => {
      return { digest: of, size, isManifest: kind === 'manifest', image: parseReference(image) }
    }),
  }
}

/** Writes a lock file, whole or not at all; false where the file has this `text` already, and is left as it is. Throws LOCAL_IO. */
export async function writeLock(path: string, lock: Lock, text?: string): Promise<boolean> {
  const { formatLock } = await import('../lock/format-lock.ts')
  const bytes = formatLock(lock)
  if (bytes === text) return false
  await withLocalIo('write', path, () => replaceFile(path, bytes))
  return true
}

/** What is at the path of a new lock: its text, and its lock where it is valid; undefined for no file. Throws USAGE for a file that is not to be replaced, LOCAL_IO. */
export async function readEarlierLock(
  path: string,
  name: string,
): Promise<{ readonly text: string; readonly lock?: Lock; readonly warnings: readonly string[] } | undefined> {
  const text = await readText(path)
  if (text === undefined) {
    const size = await stat(path)
      .then((facts) => facts.size)
      .catch(() => 0)
    if (size > 0) throw notToReplace(`"${name}" exists and is not a lock file`)
    return undefined
  }
  if (parseOldLock(text) !== undefined) throw notToReplace(`"${name}" is the lock file of a bundle, for a later options.since`)
  try {
    const lock = await readLockText(text, name)
    if (lock === undefined) throw notToReplace(`"${name}" exists and is not a lock file`)
    if (lock.bundle !== undefined) throw notToReplace(`"${name}" is the lock file of a bundle, for a later options.since`)
    return { text, lock, warnings: [] }
  } catch (error) {
    if (!isMirrorError(error) || error.code !== 'INVALID_LIST') throw error
    return { text, warnings: [`the invalid lock file is replaced: ${error.message}`] }
  }
}

function notToReplace(message: string): MirrorError {
  return new MirrorError('USAGE', message, { hint: 'pass another file, or remove this one' })
}

/** What a later bundle need not hold, for the lock of a bundle. */
export function lockedBundle(digest: Digest, contents: readonly HeldContent[], files?: readonly KitFile[]): NonNullable<Lock['bundle']> {
  return {
    digest,
    ...(files && { files: files.map(({ path, digest: of, size }) => ({ path, digest: of, size })) }),
    contents: contents.map(({ digest: of, size, isManifest, image }) => {
      return { digest: of, size, kind: isManifest ? 'manifest' : 'blob', image: formatReference(image) }
    }),
  }
}

/** The images of a lock file with their digests; undefined for another file. Throws as `readLockNames`, and LOCAL_IO. */
export async function readLockFileNames(path: string): Promise<NamedImages | undefined> {
  const text = await readText(path)
  return text === undefined ? undefined : readLockNames(text, path)
}

/** The images of the text of a lock file with their digests; undefined for another text. Throws INVALID_LIST and INVALID_REFERENCE for invalid entries. */
export async function readLockNames(text: string, path: string): Promise<NamedImages | undefined> {
  const old = parseOldLock(text)
  if (old !== undefined) return oldNames(old, text, path)
  const lock = await readLockText(text, path)
  return lock && lockNames(lock, text, path)
}

function listOf(text: string, path: string, images: number): NamedImages['lists'][number] {
  return { name: path, sha256: sha256(Buffer.from(text)).slice('sha256:'.length), images }
}

function oldNames({ images: names }: Readonly<Record<string, unknown>>, text: string, path: string): NamedImages {
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new MirrorError('INVALID_LIST', `${path}: the lock file does not list its images`, {
      hint: 'create the bundle again with this version, or pass the bundle',
    })
  }
  const images = names.map(parseReference)
  return { images, lists: [listOf(text, path, images.length)], warnings: [] }
}

/** The images of a lock with their digests, its releases, and the lists of these. Throws INVALID_LIST for a lock without images. */
export function lockNames({ lists, images, platforms, sparse }: Lock, text: string, path: string): NamedImages {
  if (images.length === 0) throw new MirrorError('INVALID_LIST', `${path}: the lock file contains no images`)
  const releases = lists.flatMap(({ release, channel, sha256: sum, images: count }) => {
    return release === undefined ? [] : [{ name: path, release, ...(channel !== undefined && { channel }), sha256: sum, images: count }]
  })
  return {
    images: images.map(lockedReference),
    lists: releases.length > 0 ? releases : [listOf(text, path, images.length)],
    contents: platforms && { platforms, sparse: sparse === true },
    releases: new Map(images.flatMap((image) => (image.releases ? [[formatReference(lockedReference(image)), image.releases]] : []))),
    warnings: [],
  }
}
