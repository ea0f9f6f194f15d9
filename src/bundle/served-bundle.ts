import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { BlobPart } from '../layout/blob-store.ts'
import type { LayoutReader, Referrer, ReferrerOptions } from '../layout/layout.ts'
import { referrerOf } from '../layout/manifest-links.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestHash, endsInDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { catalogueBundle, type CataloguedBundle } from './bundle-catalogue.ts'
import { blobPath } from './bundle-contents.ts'
import { BundleReader } from './bundle-reader.ts'
import type { BundledList } from './bundle-record.ts'

/** Blobs up to this size are read and hashed before their first byte is given, so that a damaged one is an error and not a broken answer. */
const checkedFirstBytes = 16 * 1024 * 1024

/**
 * A bundle as a layout to read, straight out of the file. Whoever reads a blob never gets all bytes of a damaged one: its last chunk, and any part of
 * it, comes only once all of it has its digest; INTEGRITY comes in its place.
 */
export class ServedBundle implements LayoutReader, AsyncDisposable {
  /** Every image of a bundle has a whole name. */
  readonly skipped: readonly SkippedEntry[] = []
  readonly #bundle: BundleReader
  readonly #catalogued: CataloguedBundle
  readonly #checks = new Map<Digest, Promise<boolean>>()

  private constructor(bundle: BundleReader, catalogued: CataloguedBundle) {
    this.#bundle = bundle
    this.#catalogued = catalogued
  }

  /** Opens a bundle and reads all its manifests. Throws NOT_FOUND, UNSUPPORTED for an archive that is no bundle, INTEGRITY for a damaged one. */
  static async open(path: string): Promise<ServedBundle> {
    const bundle = await BundleReader.open(path)
    try {
      if (bundle.record.base !== undefined) {
        throw new MirrorError(
          'UNSUPPORTED',
          `${path} was made with --since: it lacks what an earlier bundle brought, and cannot be served`,
          {
            hint: 'Push the earlier bundle and then this one to a layout (bundle push --to oci:<directory>), and serve that.',
          },
        )
      }
      await bundle.end()
      return new ServedBundle(bundle, await catalogueBundle(bundle))
    } catch (error) {
      await bundle[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The lists that its images came from. */
  get lists(): readonly BundledList[] {
    return this.#bundle.record.lists
  }

  repositories(): readonly Repository[] {
    return this.#catalogued.catalogue.repositories()
  }

  hasRepository(repository: Repository): boolean {
    return this.#catalogued.catalogue.has(repository)
  }

  knowsRepository(repository: Repository): boolean {
    return this.hasRepository(repository)
  }

  tags(repository: Repository): readonly string[] {
    return this.#catalogued.catalogue.tags(repository)
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    return Promise.resolve(this.#catalogued.catalogue.find(reference)?.descriptor)
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const descriptor = await this.headManifest(reference)
    if (descriptor === undefined) throw new MirrorError('NOT_FOUND', `${this.#bundle.path} does not hold ${formatReference(reference)}`)
    return this.#bundle.getManifest(atDigest(reference, descriptor.digest), options)
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#bundle.getBlob(repository, descriptor, options)
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return this.#bundle.sizeOf(digest)
  }

  async readBlob(digest: Digest, part: BlobPart = {}): Promise<Content | undefined> {
    const size = await this.blobSize(digest)
    if (size === undefined) return undefined
    const offset = Math.min(part.offset ?? 0, size)
    const length = Math.min(part.length ?? size, size - offset)
    const isPart = length < size
    if ((isPart || size <= checkedFirstBytes) && !(await this.#isWhole(digest))) throw this.#bundle.wrong(digest)
    const content = await this.#bundle.readFile(blobPath(digest), { offset, length, signal: part.signal })
    return isPart || content === undefined ? content : this.#checked(digest, content)
  }

  async *referrers(repository: Repository, subject: Digest, { after }: ReferrerOptions = {}): AsyncGenerator<Referrer, void> {
    const { catalogue, links } = this.#catalogued
    for (const descriptor of catalogue.referrers(repository, subject, after)) yield referrerOf(descriptor, links.get(descriptor.digest))
  }

  verifyBlob(digest: Digest, options?: CallOptions): Promise<boolean> {
    return this.#bundle.isWhole(digest, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bundle[Symbol.asyncDispose]()
  }

  /** Requests that come together, and later ones, share one look at all of a blob. */
  #isWhole(digest: Digest): Promise<boolean> {
    const known = this.#checks.get(digest)
    if (known !== undefined) return known
    const check = this.#bundle.isWhole(digest).catch((error: unknown) => {
      this.#checks.delete(digest)
      throw error
    })
    this.#checks.set(digest, check)
    return check
  }

  #checked(digest: Digest, content: Content): Content {
    const { size } = content
    const hash = digestHash(digest)
    let done = 0
    return {
      size,
      cancel: () => content.cancel(),
      read: (sink) =>
        content.read((chunk) => {
          hash.update(chunk)
          done += chunk.length
          if (done === size && !endsInDigest(hash, digest)) throw this.#bundle.wrong(digest)
          return sink(chunk)
        }),
    }
  }
}
