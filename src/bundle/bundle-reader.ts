import type { Content } from '../async/content.ts'
import { yielding } from '../async/yielding.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { sha256, type Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { Archive } from './archive.ts'
import { formatBundleIndex, indexPath, layoutPath, layoutVersion } from './bundle-contents.ts'
import { maxRecordBytes, parseBundleRecord, recordPath, type BundledImage, type BundleRecord } from './bundle-record.ts'
import { ImageArchive } from './image-archive.ts'
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
export class BundleReader extends ImageArchive implements ImageSource {
  declare readonly record: BundleRecord
  declare readonly digest: Digest
  readonly #images: ReadonlyMap<string, BundledImage>

  private constructor(archive: Archive, { record, digest }: Awaited<ReturnType<typeof readRecord>>) {
    super(archive, { images: record.images, record, digest })
    this.#images = new Map(record.images.map((image) => [formatReference(image.reference), image]))
  }

  /** Opens a bundle and reads what it says of itself. Throws NOT_FOUND, INTEGRITY for a damaged one, UNSUPPORTED for an archive that is no bundle. */
  static async open(path: string, { signal }: CallOptions = {}): Promise<BundleReader> {
    const archive = await Archive.open(path, { signal })
    try {
      const entry = await archive.find(recordPath)
      if (entry !== undefined) return await BundleReader.over(archive, entry)
      throw new MirrorError('UNSUPPORTED', `${path} is an archive, and no bundle of k3s-mirror: it has no ${recordPath}`, {
        hint: 'Put its images into a layout first: k3s-mirror bundle push <file> options.to oci:<directory>.',
      })
    } catch (error) {
      await archive[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Reads a bundle from an open archive in which its record was found. Throws INTEGRITY for a damaged one. */
  static async over(archive: Archive, record: TarEntry): Promise<BundleReader> {
    archive.refuseForeignForms()
    return new BundleReader(archive, await readRecord(archive, record))
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    const image = this.#images.get(formatReference(reference))
    return Promise.resolve(image && { mediaType: image.mediaType, digest: image.digest, size: image.size })
  }

  /** A blob or some of its bytes, not verified; undefined where there is none. */
  async read(digest: Digest, range: BlobRange = {}): Promise<Content | undefined> {
    const entry = await this.find(digest)
    return entry && this.archive.content(entry, range)
  }

  protected override digestOf(reference: Reference): Digest | undefined {
    return reference.digest ?? this.#images.get(formatReference(reference))?.digest
  }
}
