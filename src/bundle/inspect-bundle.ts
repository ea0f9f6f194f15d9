import { isMirrorError } from '../errors.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { checkArchive, type ArchiveCheck } from './check-archive.ts'
import { checkParts } from './check-parts.ts'
import { describeArchive, type ArchiveInfo } from './describe-archive.ts'
import type { ImageArchive } from './image-archive.ts'
import { openImageArchive } from './open-image-archive.ts'
import { wholeFile } from './part-list.ts'

/** How an archive is looked into. */
export interface InspectOptions extends CallOptions {
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
}

function openNamed(file: string, { name, signal }: InspectOptions): Promise<ImageArchive> {
  return openImageArchive(file, { name: parseGivenName(name), signal })
}

/**
 * What is in a bundle, or in an archive of another tool: lists, images, platforms and sizes in bytes. Nothing large is read, but a compressed archive is
 * decompressed. Throws NOT_FOUND, LOCAL_IO, INTEGRITY, INVALID_MANIFEST, INVALID_REFERENCE, and UNSUPPORTED for an archive of something else.
 */
export async function describeBundle(file: string, options: InspectOptions = {}): Promise<ArchiveInfo> {
  await using archive = await openNamed(file, options)
  return await describeArchive(archive, options)
}

/**
 * Reads every byte of a bundle, or of an archive of another tool, again; of a split one also the checksums of its parts, or that of the one part that
 * `file` names. A file in which nothing can be found has one problem: that. Throws as describeBundle does, but for what is a problem.
 */
export async function checkBundle(file: string, options: InspectOptions = {}): Promise<ArchiveCheck> {
  try {
    const parts = await checkParts(file, options)
    if (parts !== undefined && (parts.problems.length > 0 || file !== wholeFile(file))) return parts
    await using archive = await openNamed(file, options)
    return { ...(await checkArchive(archive, options)), ...(parts && { parts: parts.parts }) }
  } catch (error) {
    if (!isMirrorError(error) || !['INTEGRITY', 'INVALID_MANIFEST'].includes(error.code)) throw error
    return { blobs: 0, bytes: 0, problems: [{ message: error.message, images: [] }] }
  }
}
