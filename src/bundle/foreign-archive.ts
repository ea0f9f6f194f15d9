import type { Content } from '../async/content.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { Archive } from './archive.ts'
import { absentContent, isWholeContent, layoutContents, openArchivedBlob, readArchivedManifest } from './archived-content.ts'
import { blobPath } from './bundle-contents.ts'
import type { BundledImage } from './bundle-record.ts'
import type { ArchivedContent, ArchiveFormat, ImageArchive } from './image-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** What another tool's archive was found to hold. */
export interface ForeignContents {
  readonly images: readonly BundledImage[]
  readonly skipped: readonly SkippedEntry[]
  /** Manifests that the archive itself lacks. */
  readonly made?: ReadonlyMap<Digest, Manifest>
  /** Where its contents lie; default: where an OCI layout has them. */
  readonly places?: ReadonlyMap<Digest, TarEntry>
}

/** An archive that another tool wrote, with its contents by digest. */
export class ForeignArchive implements ImageArchive {
  readonly path: string
  readonly images: readonly BundledImage[]
  readonly skipped: readonly SkippedEntry[]
  readonly format: ArchiveFormat
  readonly isSettled = false
  readonly isListed = true
  readonly #archive: Archive
  readonly #made: ReadonlyMap<Digest, Manifest>
  readonly #places: ReadonlyMap<Digest, TarEntry> | undefined

  constructor(archive: Archive, { images, skipped, made = new Map(), places }: ForeignContents) {
    this.path = archive.name
    this.format = places === undefined ? 'oci-layout' : 'docker-save'
    this.images = images
    this.skipped = skipped
    this.#archive = archive
    this.#made = made
    this.#places = places
  }

  get lacksEnd(): boolean {
    return this.#archive.lacksEnd
  }

  contents(): Promise<readonly ArchivedContent[]> {
    if (this.#places === undefined) return layoutContents(this.#archive)
    return Promise.resolve([...this.#places].map(([digest, { path, size }]) => ({ digest, path, size })))
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return this.#made.get(digest)?.bytes.length ?? (await this.#find(digest))?.size
  }

  async isWhole(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    return this.#made.has(digest) || isWholeContent(this.#archive, await this.#find(digest), digest, options)
  }

  async holds(digest: Digest): Promise<boolean> {
    return this.#made.has(digest) || (await this.#find(digest)) !== undefined
  }

  end(): Promise<void> {
    return this.#archive.end()
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const { digest } = reference
    const made = digest && this.#made.get(digest)
    if (made !== undefined) return made
    const entry = digest && (await this.#find(digest))
    if (digest === undefined || entry === undefined) {
      throw absentContent(this.path, formatReference(reference))
    }
    return readArchivedManifest(this.#archive, entry, digest, options)
  }

  async getBlob(_repository: Repository, blob: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    return openArchivedBlob(this.#archive, await this.#find(blob.digest), blob, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archive[Symbol.asyncDispose]()
  }

  async #find(digest: Digest): Promise<TarEntry | undefined> {
    return this.#places === undefined ? this.#archive.find(blobPath(digest)) : this.#places.get(digest)
  }
}
