import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import { Catalogue, CataloguedImages } from '../layout/catalogue.ts'
import type { LayoutReader, Referrer } from '../layout/layout.ts'
import { linksOf, referrerOf, type ManifestLinks } from '../layout/manifest-links.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { walkImage } from '../oci/walk.ts'
import { damagedBundle, openBundle, type Bundle } from './bundle-reader.ts'
import type { BundledList, KitFile } from './bundle-record.ts'
import { VerifiedContents, type VerifiedPlace } from './verified-contents.ts'

/** Reads every manifest of a bundle and finds out which repository has it. Throws INTEGRITY for a damaged or missing one. */
async function catalogueBundle(bundle: Bundle) {
  const catalogue = new Catalogue()
  const links = new Map<Digest, ManifestLinks>()
  for (const image of bundle.record.images) {
    const { reference, digest: root } = image
    if (!(await bundle.holds(root))) throw damagedBundle(bundle.path, `${formatReference(reference)} is missing`)
    await walkImage(image, {
      async read({ mediaType, digest }, depth) {
        const isManifest = depth === 0 || isIndexType(mediaType) || isImageType(mediaType)
        const named = atDigest(reference, digest)
        if (!isManifest || catalogue.find(named) !== undefined || !(await bundle.holds(digest))) return undefined
        const manifest = await bundle.getManifest(named)
        const known = links.get(digest) ?? linksOf(contentsOf(manifest))
        links.set(digest, known)
        catalogue.add(reference, { descriptor: manifest.descriptor, subject: known.subject })
        return manifest
      },
    })
    if (reference.tag !== undefined) catalogue.tag(reference, reference.tag, root)
  }
  return { catalogue, links }
}

/** A bundle as a layout to read, out of the file. No client gets all bytes of a damaged blob, or a range of one: INTEGRITY replaces the last chunk. */
export class ServedBundle extends CataloguedImages implements LayoutReader, AsyncDisposable {
  /** Every image of a bundle has a whole name. */
  readonly skipped: readonly SkippedEntry[] = []
  readonly #bundle: Bundle
  readonly #links: ReadonlyMap<Digest, ManifestLinks>
  readonly #contents = new VerifiedContents()
  readonly #releases: ReadonlyMap<string, readonly string[]>

  private constructor(bundle: Bundle, { catalogue, links }: Awaited<ReturnType<typeof catalogueBundle>>) {
    super(catalogue)
    this.#bundle = bundle
    this.#links = links
    this.#releases = new Map(bundle.record.images.map(({ reference, releases = [] }) => [formatReference(reference), releases]))
  }

  /** Opens a bundle and reads all its manifests. Throws NOT_FOUND, USAGE, UNSUPPORTED for another archive, INTEGRITY for a damaged one. */
  static async open(path: string): Promise<ServedBundle> {
    const bundle = await openBundle(path)
    try {
      if (bundle.record.base !== undefined) {
        const message = `${path} was created with options.since: it lacks the content of an earlier bundle and cannot be served`
        const [made, push] = bundle.record.files === undefined ? ['bundle', 'bundle push'] : ['kit', 'kit push']
        throw new MirrorError('UNSUPPORTED', message, {
          hint: `push the earlier ${made} and then this one to a layout (k3s-mirror ${push} <file> options.to oci:<directory>), and serve the layout`,
        })
      }
      await bundle.end()
      return new ServedBundle(bundle, await catalogueBundle(bundle))
    } catch (error) {
      await bundle[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The files of a kit; undefined for a bundle of images only. */
  get files(): readonly KitFile[] | undefined {
    return this.#bundle.record.files
  }

  get lists(): readonly BundledList[] {
    return this.#bundle.record.lists
  }

  releases({ registry, path }: Repository, tag: string): readonly string[] {
    return this.#releases.get(formatReference({ registry, path, tag })) ?? []
  }

  async storedBytes(): Promise<number> {
    return (await this.#bundle.contents()).reduce((sum, { size }) => sum + size, 0)
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    return Promise.resolve(this.catalogue.find(reference)?.descriptor)
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const descriptor = await this.headManifest(reference)
    if (descriptor === undefined) throw new MirrorError('NOT_FOUND', `${this.#bundle.path} does not contain ${formatReference(reference)}`)
    return this.#bundle.getManifest(atDigest(reference, descriptor.digest), options)
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#bundle.getBlob(repository, descriptor, options)
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return this.#bundle.sizeOf(digest)
  }

  async readBlob(digest: Digest, range: BlobRange = {}): Promise<Content | undefined> {
    const size = await this.blobSize(digest)
    if (size === undefined) return undefined
    return this.#contents.read({ digest, size }, this.#place(digest), range)
  }

  /** A file of a kit or some of its bytes, with the same guarantee. */
  readFile(file: KitFile, range?: BlobRange): Promise<Content | undefined> {
    return this.#contents.read(
      file,
      { open: (part) => this.#bundle.readFile(file.path, part), wrong: () => this.#bundle.wrongFile(file) },
      range,
    )
  }

  protected readReferrer(descriptor: Descriptor): Promise<Referrer> {
    return Promise.resolve(referrerOf(descriptor, this.#links.get(descriptor.digest)))
  }

  verifyBlob(digest: Digest, options?: CallOptions): Promise<boolean> {
    return this.#bundle.isWhole(digest, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bundle[Symbol.asyncDispose]()
  }

  #place(digest: Digest): VerifiedPlace {
    return { open: (range) => this.#bundle.read(digest, range), wrong: () => this.#bundle.wrong(digest) }
  }
}
