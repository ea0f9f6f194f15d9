import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMirrorError, MirrorError } from '../errors.ts'
import { isThere, localIo } from '../layout/local-io.ts'
import { looksLikeLock } from '../lock/lock.ts'
import { sha256 } from '../oci/digest.ts'
import { layoutDirectory } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference } from '../oci/reference.ts'
import { archiveHint, headBytes, looksLikeText } from './file-format.ts'
import type { NamedImages } from './named-list.ts'
import { findParts, partName, wholeFile } from './part-list.ts'

/** Reads the references of a bundle, an archive of another tool, a lock file (with digests), or a layout as `oci:<directory>`; undefined for any other file. Throws what reading it throws. */
export async function readNamedImages(place: string, options: CallOptions = {}): Promise<NamedImages | undefined> {
  const directory = layoutDirectory(place)
  if (directory !== undefined) return readLayoutNames(place, directory)
  const facts = await stat(place).catch(() => undefined)
  if (facts?.isDirectory() === true && (await isThere(join(place, 'oci-layout')))) {
    throw new MirrorError('USAGE', `"${place}" is an OCI layout, not an image list`, { hint: `pass options.images oci:${place}` })
  }
  const isFile = facts?.isFile() === true
  const parts = await findParts(place).catch((error: unknown) => {
    // A text list may lie next to a file with the name of its list of parts.
    if (isFile) return undefined
    throw error
  })
  const isSplit = parts !== undefined || (facts === undefined && (await isThere(partName(wholeFile(place), 1))))
  if (isSplit) return (await import('./archive-names.ts')).readArchiveNames(place, options)
  return isFile ? readFileNames(place, options) : undefined
}

async function readFileNames(path: string, options: CallOptions): Promise<NamedImages | undefined> {
  const start = await readStart(path)
  const text = start.toString('utf8')
  if (text.startsWith('{') || looksLikeLock(text)) return (await import('./bundle-lock.ts')).readLockFileNames(path)
  if (looksLikeText(start)) return undefined
  const { isArchive, readArchiveNames } = await import('./archive-names.ts')
  if (!isArchive(start) && wholeFile(path) === path) return undefined
  return readArchiveNames(path, options).catch((error: unknown) => {
    if (!isMirrorError(error) || error.code !== 'USAGE') throw error
    throw error.with({ hint: `decompress a text list first; otherwise ${archiveHint}` })
  })
}

async function readLayoutNames(place: string, directory: string): Promise<NamedImages> {
  const { readDiskLayout } = await import('../layout/open-layout.ts')
  const { skippedWarnings } = await import('./archive-names.ts')
  const layout = await readDiskLayout(directory)
  const { references: images, untagged } = await layout.names()
  const warnings = skippedWarnings([{ path: place, skipped: layout.skipped }])
  if (untagged > 0) warnings.push(`${place}: skipped ${untagged} ${untagged === 1 ? 'manifest' : 'manifests'} without a tag`)
  if (images.length === 0)
    throw new MirrorError('INVALID_LIST', `${place}: the layout has no image with a full name`, { hint: warnings[0] })
  const text = images.map((image) => `${formatReference(image)}\n`).join('')
  return { images, lists: [{ name: place, sha256: sha256(Buffer.from(text)).slice('sha256:'.length), images: images.length }], warnings }
}

async function readStart(path: string): Promise<Buffer> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw await localIo(error, 'read', path)
  }
}
