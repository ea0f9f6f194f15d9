import { MirrorError } from '../errors.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference, formatRepository, type Reference } from '../oci/reference.ts'
import { Archive } from './archive.ts'
import { indexPath } from './bundle-contents.ts'
import { readBundle } from './bundle-reader.ts'
import { maxRecordBytes, recordPath, type BundledImage, type BundleRecord } from './bundle-record.ts'
import { detectCompression, detectUnsupported } from './compression.ts'
import { savedNames, savePath } from './docker-save.ts'
import { foreignFormat } from './file-format.ts'
import type { ImageArchive } from './image-archive.ts'
import type { NamedImages, NamedList } from './named-list.ts'
import { openOciArchive, withoutImages } from './open-image-archive.ts'
import type { TarEntry } from './tar-map.ts'

const mostNamed = 20

/** An image's repository and digest, as one text. */
export function contentName({ reference, digest }: Pick<BundledImage, 'reference' | 'digest'>): string {
  return `${formatRepository(reference)} ${digest}`
}

/** Every name that archives have for an image, once; in archives of other tools a name by digest is left out where a tag leads to the same content. */
export function archivedNames(archives: readonly Pick<ImageArchive, 'images' | 'isSettled'>[]): readonly Reference[] {
  const images = archives
    .flatMap(({ images: own, isSettled }) => own.map((image) => ({ image, isSettled })))
    .filter(({ image }) => image.about === undefined)
  const tagged = new Set(images.filter(({ image }) => image.reference.tag !== undefined).map(({ image }) => contentName(image)))
  const kept = images.filter(({ image, isSettled }) => isSettled || image.reference.tag !== undefined || !tagged.has(contentName(image)))
  return [...new Map(kept.map(({ image: { reference } }) => [formatReference(reference), reference])).values()]
}

/** Warnings about entries without a full name, the first 20 one by one. */
export function skippedWarnings(archives: readonly Pick<ImageArchive, 'path' | 'skipped'>[]): string[] {
  const skipped = archives.flatMap(({ path, skipped: own }) => own.map(({ entry, why }) => `${path}: skipped ${entry}: ${why}`))
  const more = skipped.length - mostNamed
  return [...skipped.slice(0, mostNamed), ...(more > 0 ? [`skipped ${more} more images without a full name`] : [])]
}

/** The error for archives in which no image has a full name. */
export function noNames(archives: readonly Pick<ImageArchive, 'path' | 'skipped'>[], hint: string): MirrorError {
  const skipped = archives.flatMap((archive) => archive.skipped)
  const [first] = skipped
  const files = archives.map(({ path }) => path).join(', ')
  if (first === undefined) return new MirrorError('UNSUPPORTED', `${files}: no image has a name`, { hint })
  const more = skipped.length > 1 ? `, and ${skipped.length - 1} more` : ''
  const code = skipped.some(({ isWrong }) => isWrong) ? 'INTEGRITY' : 'INVALID_REFERENCE'
  return new MirrorError(code, `${files}: no image has a full name: ${first.entry}: ${first.why}${more}`, { hint })
}

/** The lists that a bundle was created from; none for other archives. */
export function releaseLists(path: string, record: BundleRecord | undefined): readonly NamedList[] {
  return (record?.lists ?? []).flatMap(({ release, sha256: sum, images }) =>
    release === undefined ? [] : [{ name: path, release, sha256: sum, images }],
  )
}

/** True for the first bytes of a tar archive, and of a compressed file. */
export function isArchive(start: Buffer): boolean {
  return (detectCompression(start) ?? detectUnsupported(start)) !== undefined || foreignFormat(start) === undefined
}

/** What names the images of an archive. */
interface FoundNames {
  readonly entry: TarEntry
  readonly names: readonly Reference[]
  readonly skipped: readonly SkippedEntry[]
  readonly record?: BundleRecord | undefined
}

async function findNames(archive: Archive, options: CallOptions): Promise<FoundNames> {
  const record = await archive.find(recordPath)
  if (record !== undefined) {
    const bundle = await readBundle(archive, record)
    return { entry: record, names: archivedNames([bundle]), skipped: [], record: bundle.record }
  }
  const index = await archive.find(indexPath)
  if (index !== undefined) {
    const opened = await openOciArchive(archive, index, options)
    return { entry: index, names: archivedNames([opened]), skipped: opened.skipped }
  }
  const list = await archive.find(savePath)
  if (list === undefined) throw await withoutImages(archive)
  return { entry: list, ...savedNames(await archive.bytes(list, maxRecordBytes, options), archive.name) }
}

/** Reads the names in an archive from its index, without configs and layers. Throws as openImageArchive, and for an archive without a full name. */
export async function readArchiveNames(path: string, { signal }: CallOptions = {}): Promise<NamedImages> {
  await using archive = await Archive.open(path, { links: true, signal })
  const { entry, names, skipped, record } = await findNames(archive, { signal })
  if (names.length === 0)
    throw noNames([{ path, skipped }], 'write the archive again with full names, as in docker save docker.io/library/alpine:3.20')
  const releases = releaseLists(path, record)
  const digest = sha256(await archive.bytes(entry, maxRecordBytes, { signal }))
  const list = { name: path, sha256: digest.slice('sha256:'.length), images: names.length }
  return { images: names, lists: releases.length > 0 ? releases : [list], warnings: skippedWarnings([{ path, skipped }]) }
}
