import type { Content } from '../async/content.ts'
import { yielding } from '../async/yielding.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { BlobPart } from '../layout/blob-store.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { sha256, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { Archive } from './archive.ts'
import { absentContent, isWholeContent, layoutContents, openArchivedBlob, readArchivedManifest, wrongContent } from './archived-content.ts'
import type { BundleBase } from './bundle-base.ts'
import { blobPath, formatBundleIndex, indexPath, layoutPath, layoutVersion } from './bundle-contents.ts'
import { maxRecordBytes, parseBundleRecord, recordPath, type BundledImage, type BundleRecord } from './bundle-record.ts'
import type { ArchivedContent, ImageArchive } from './image-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** The error for a bundle whose own files are not what they were when it was made. */
export function damagedBundle(path: string, why: string, cause?: unknown): MirrorError {
  return new MirrorError('INTEGRITY', `${path} is damaged: ${why}`, { cause, hint: 'Copy the file again from where it was made.' })
}

/** What a bundle says of itself; what says it again, by other names and for other readers, has to agree. */
async function readRecord(archive: Archive, entry: TarEntry): Promise<{ readonly record: BundleRecord; readonly digest: Digest }> {
  const damaged = (why: string, cause?: unknown): MirrorError => damagedBundle(archive.name, why, cause)
  const read = async (path: string): Promise<Buffer> => {
    const file = await archive.find(path)
    if (file === undefined) throw damaged(`it has no ${path}`)
    return archive.bytes(file, maxRecordBytes)
  }
  const bytes = await archive.bytes(entry, maxRecordBytes)
  const layout = await read(layoutPath)
  const index = await read(indexPath)
  const pause = yielding()
  let record
  try {
    record = await parseBundleRecord(bytes)
  } catch (error) {
    if (!isMirrorError(error)) throw error
    if (error.code !== 'UNSUPPORTED') throw damaged(error.message, error)
    throw new MirrorError('UNSUPPORTED', `${archive.name}: ${error.message}`, { hint: error.hint, cause: error })
  }
  await pause()
  if (!layout.equals(Buffer.from(layoutVersion))) throw damaged(`its ${layoutPath} is none`)
  if (!index.equals(formatBundleIndex(record, bytes))) throw damaged(`its ${indexPath} does not say what its ${recordPath} says`)
  return { record, digest: sha256(bytes) }
}

/** A bundle as a place that images are read from, straight out of the file. */
export class BundleReader implements ImageSource, ImageArchive {
  readonly path: string
  readonly format = 'bundle'
  readonly isSettled = true
  readonly skipped: readonly SkippedEntry[] = []
  readonly record: BundleRecord
  /** Of what it says of itself. */
  readonly digest: Digest
  readonly #archive: Archive
  readonly #images: ReadonlyMap<string, BundledImage>

  private constructor(archive: Archive, { record, digest }: Awaited<ReturnType<typeof readRecord>>) {
    this.path = archive.name
    this.record = record
    this.digest = digest
    this.#archive = archive
    this.#images = new Map(this.record.images.map((image) => [formatReference(image.reference), image]))
  }

  /** Opens a bundle and reads what it says of itself. Throws NOT_FOUND, INTEGRITY for a damaged one, UNSUPPORTED for an archive that is no bundle. */
  static async open(path: string, { signal }: CallOptions = {}): Promise<BundleReader> {
    const archive = await Archive.open(path, { signal })
    try {
      const entry = await archive.find(recordPath)
      if (entry !== undefined) return await BundleReader.over(archive, entry)
      throw new MirrorError('UNSUPPORTED', `${path} is an archive, and no bundle of k3s-mirror: it has no ${recordPath}`, {
        hint: 'Put its images into a layout first: k3s-mirror bundle push <file> --to oci:<directory>.',
      })
    } catch (error) {
      await archive[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Reads a bundle from an open archive in which its record was found; the archive is closed with it. Throws INTEGRITY for a damaged one. */
  static async over(archive: Archive, record: TarEntry): Promise<BundleReader> {
    archive.refuseForeignForms()
    return new BundleReader(archive, await readRecord(archive, record))
  }

  get images(): readonly BundledImage[] {
    return this.record.images
  }

  get isListed(): boolean {
    return this.#archive.isListed
  }

  get base(): BundleBase | undefined {
    return this.record.base
  }

  async holds(digest: Digest): Promise<boolean> {
    return (await this.#archive.find(blobPath(digest))) !== undefined
  }

  contents(): Promise<readonly ArchivedContent[]> {
    return layoutContents(this.#archive)
  }

  end(): Promise<void> {
    return this.#archive.end()
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    const image = this.#images.get(formatReference(reference))
    return Promise.resolve(image && { mediaType: image.mediaType, digest: image.digest, size: image.size })
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const digest = reference.digest ?? this.#images.get(formatReference(reference))?.digest
    const entry = digest && (await this.#archive.find(blobPath(digest)))
    if (digest === undefined || entry === undefined) {
      throw absentContent(this.path, formatReference(reference))
    }
    return readArchivedManifest(this.#archive, entry, digest, options)
  }

  async getBlob(_repository: Repository, blob: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    return openArchivedBlob(this.#archive, await this.#archive.find(blobPath(blob.digest)), blob, options)
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return (await this.#archive.find(blobPath(digest)))?.size
  }

  /** A file of the bundle or a part of it, unchecked; undefined where there is none of that path. */
  async readFile(path: string, part: BlobPart = {}): Promise<Content | undefined> {
    const entry = await this.#archive.find(path)
    return entry && this.#archive.content(entry, part)
  }

  async isWhole(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    return isWholeContent(this.#archive, await this.#archive.find(blobPath(digest)), digest, options)
  }

  /** The error for content that is not what its digest says. */
  wrong(digest: Digest): MirrorError {
    return wrongContent(this.#archive, digest)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archive[Symbol.asyncDispose]()
  }
}
