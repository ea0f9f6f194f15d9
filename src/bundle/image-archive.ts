import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import type { GivenName } from '../layout/entry-name.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { contentHasDigest, hasDigest, isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import { manifestOf, maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { Archive } from './archive.ts'
import { blobPath } from './bundle-contents.ts'
import type { BundleBase, BundledImage, BundleRecord, KitFile } from './bundle-record.ts'
import type { TarEntry } from './tar-map.ts'

/** What an archive of images was made as: a bundle of ours, another OCI layout, or what `docker save` wrote before Docker 25. */
export type ArchiveFormat = 'bundle' | 'oci-layout' | 'docker-save'

/** How an archive of another tool is opened. */
export interface ForeignOptions extends CallOptions {
  /** For images that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: GivenName | undefined
}

/** What an archive was found to hold. */
export interface FoundImages extends Pick<ImageArchive, 'images'>, Partial<Pick<ImageArchive, 'skipped' | 'record' | 'digest'>> {
  /** Manifests that the archive itself lacks. */
  readonly made?: ReadonlyMap<Digest, Manifest>
  /** Where its contents lie; default: where an OCI layout has them. */
  readonly entries?: ReadonlyMap<Digest, TarEntry>
}

/** An open archive of images, whatever wrote it: what it names, and its contents by digest; the archive is closed with it. */
export class ImageArchive implements Pick<ImageSource, 'getManifest' | 'getBlob'>, AsyncDisposable {
  readonly path: string
  readonly format: ArchiveFormat
  /** The record of a bundle, and its digest. */
  readonly record: BundleRecord | undefined
  readonly digest: Digest | undefined
  /** In the archive's order; one name may stand there more than once. */
  readonly images: readonly BundledImage[]
  /** What is left out because it has no name that a registry could use. */
  readonly skipped: readonly SkippedEntry[]
  /** True where everything below a root was settled when the archive was made: a bundle of ours. */
  readonly isSettled: boolean
  readonly #archive: Archive
  readonly #made: ReadonlyMap<Digest, Manifest>
  readonly #entries: ReadonlyMap<Digest, TarEntry> | undefined

  constructor(archive: Archive, { images, skipped = [], made = new Map(), entries, record, digest }: FoundImages) {
    this.path = archive.name
    this.format = record !== undefined ? 'bundle' : entries === undefined ? 'oci-layout' : 'docker-save'
    this.isSettled = record !== undefined
    this.record = record
    this.digest = digest
    this.images = images
    this.skipped = skipped
    this.#archive = archive
    this.#made = made
    this.#entries = entries
  }

  /** True where all that it holds is known once it is open; false for a bundle that is decompressed while it is read. */
  get isListed(): boolean {
    return !this.isSettled || this.#archive.isListed
  }

  /** True where another tool's archive ends behind a file without the zeros that end one, so that what is missing may have been cut off. */
  get lacksEnd(): boolean {
    return !this.isSettled && this.#archive.lacksEnd
  }

  /** What the images need and the archive does not hold, because an earlier one brought it. */
  get base(): BundleBase | undefined {
    return this.record?.base
  }

  /** Every manifest and blob that it holds, each once, and where. Throws INTEGRITY for a damaged archive. */
  async contents(): Promise<readonly ({ readonly digest: Digest } & Pick<TarEntry, 'path' | 'size'>)[]> {
    if (this.#entries !== undefined) return [...this.#entries].map(([digest, { path, size }]) => ({ digest, path, size }))
    return (await this.#archive.files()).flatMap(({ path, entry }) => {
      const digest = path.startsWith('blobs/') ? path.slice('blobs/'.length).replace('/', ':') : ''
      return isDigest(digest) ? [{ digest, path, size: entry.size }] : []
    })
  }

  /** Every file of the archive that is not a blob, by its path. Throws INTEGRITY for a damaged archive. */
  async otherFiles(): Promise<ReadonlyMap<string, TarEntry>> {
    const files = await this.#archive.files()
    return new Map(files.flatMap(({ path, entry }) => (path.startsWith('blobs/') ? [] : [[path, entry] as const])))
  }

  /** A file of a kit or some of its bytes, not verified; undefined where it is missing. */
  async readFile(path: string, range: BlobRange = {}): Promise<Content | undefined> {
    const entry = await this.#archive.find(path)
    return entry && this.#archive.content(entry, range)
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return this.#made.get(digest)?.bytes.length ?? (await this.#find(digest))?.size
  }

  async isWhole(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    if (this.#made.has(digest)) return true
    const content = await this.read(digest, options)
    return content !== undefined && contentHasDigest(content, digest)
  }

  async holds(digest: Digest, _options?: CallOptions): Promise<boolean> {
    return this.#made.has(digest) || (await this.#find(digest)) !== undefined
  }

  /** Waits until the archive was found to end where it should. Throws INTEGRITY for one that is damaged or was cut off, be it behind its last image. */
  end(): Promise<void> {
    return this.#archive.end()
  }

  /** A manifest, verified. Throws INTEGRITY, and as manifestOf does. */
  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const { digest } = reference
    const made = digest && this.#made.get(digest)
    if (made !== undefined) return made
    const entry = digest && (await this.#find(digest))
    if (digest === undefined || entry === undefined) throw absentContent(this.path, formatReference(reference))
    const bytes = entry.size > maxManifestBytes ? undefined : await this.#archive.bytes(entry, maxManifestBytes, options)
    if (bytes === undefined || !hasDigest(bytes, digest)) throw this.wrong(digest)
    return inFile(this.#archive, entry.path, () => manifestOf(bytes, undefined, digest))
  }

  /** A blob or some of its bytes, not verified; undefined where it is missing. */
  async read(digest: Digest, range: BlobRange = {}): Promise<Content | undefined> {
    const entry = await this.#find(digest)
    return entry && this.#archive.content(entry, range)
  }

  /** The bytes of a blob, not verified. Throws INTEGRITY where it is missing or of another size. */
  async getBlob(_repository: Repository, { digest, size }: Descriptor, { offset, signal }: GetBlobOptions = {}): Promise<Content> {
    const entry = await this.#find(digest)
    if (entry === undefined) throw absentContent(this.path, digest)
    if (entry.size !== size) throw this.wrong(digest)
    return this.#archive.content(entry, { offset, signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archive[Symbol.asyncDispose]()
  }

  async #find(digest: Digest): Promise<TarEntry | undefined> {
    return this.#entries === undefined ? this.#archive.find(blobPath(digest)) : this.#entries.get(digest)
  }

  /** The error for a damaged or missing file of a kit. */
  wrongFile({ path, digest }: KitFile): MirrorError {
    return this.#damaged(`${path} does not match its digest ${digest}`)
  }

  wrong(digest: Digest): MirrorError {
    return this.#damaged(`the content of ${digest} does not match its digest`)
  }

  #damaged(why: string): MirrorError {
    return new MirrorError('INTEGRITY', `${this.path}: ${why}`, {
      side: 'source',
      hint: 'copy the file again from the machine that created it; k3s-mirror bundle check lists all damaged content',
    })
  }
}

/** The error for content that ought to be in an archive. */
export function absentContent(name: string, what: string): MirrorError {
  return new MirrorError('INTEGRITY', `${name} does not contain ${what}`, {
    side: 'source',
    hint: 'copy the file again from the machine that created it, or create it again',
  })
}

/** Says of a manifest's fault which file of which archive it is in. */
export function inFile<T>(archive: Archive, path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!isMirrorError(error)) throw error
    throw error.with({ message: `${path} in ${archive.name}: ${error.message}`, side: 'source' })
  }
}
