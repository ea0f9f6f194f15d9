import type { Content } from '../async/content.ts'
import { yielding } from '../async/yielding.ts'
import { isMirrorError } from '../errors.ts'
import { parseGivenName, type GivenName } from '../layout/entry-name.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { archivedNames, contentName, noNames, releaseLists, skippedWarnings } from './archive-names.ts'
import type { BundleBase, HeldContent, BundledImage } from './bundle-record.ts'
import type { InspectOptions } from './describe-archive.ts'
import { neededContents } from './held-content.ts'
import { absentContent, type ImageArchive } from './image-archive.ts'
import { joinRoots, type ArchivedContents } from './join-roots.ts'
import type { NamedList } from './named-list.ts'
import { openImageArchive } from './open-image-archive.ts'

const mostNamed = 20

function namingHint(given: GivenName | undefined): string {
  if (given === undefined)
    return 'pass options.name <registry/repository>[:tag], or write the archive again with full names, as in docker save <name>, or skopeo copy … oci-archive:<file>:docker.io/library/alpine:3.20'
  if (given.tag === undefined) return 'add a tag to options.name, as in options.name docker.io/library/alpine:3.20'
  return 'options.name names only one image: write the archive again with full names'
}

/** Archives that are read as one: the images of all of them, and what several have of one image together. */
export class JoinedSource implements ImageSource, ArchivedContents, AsyncDisposable {
  readonly #archives: readonly ImageArchive[]
  readonly #images = new Map<string, BundledImage>()
  readonly #made = new Map<Digest, Manifest>()
  readonly #reduced: string[] = []
  readonly #whole = new Set<Digest>()
  /** What bundles count on to be where they are pushed to. */
  readonly #elsewhere: ReadonlySet<Digest>

  private constructor(archives: readonly ImageArchive[]) {
    this.#archives = archives
    this.#elsewhere = new Set(archives.flatMap(({ base }) => base?.contents.map(({ digest }) => digest) ?? []))
  }

  /** Opens archives of any kind; nothing is joined yet. Throws as describeBundle does, and UNSUPPORTED where none holds an image. */
  static async open(paths: readonly string[], { name, signal }: InspectOptions = {}): Promise<JoinedSource> {
    const given = parseGivenName(name)
    const archives: ImageArchive[] = []
    try {
      for (const path of paths) archives.push(await openImageArchive(path, { name: given, signal }))
      const source = new JoinedSource(archives)
      if (source.names().length > 0) return source
      throw noNames(archives, namingHint(given))
    } catch (error) {
      for (const archive of archives) await archive[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The archives, in the order given. */
  get archives(): readonly ImageArchive[] {
    return this.#archives
  }

  /** Every name that an archive has for an image, once; in archives of other tools a name by digest is left out where a tag leads to the same content. */
  names(): readonly Reference[] {
    return archivedNames(this.#archives)
  }

  /** The signatures, attestations, SBOMs and referrers of images by these names. */
  companionsOf(references: readonly Reference[]): readonly Reference[] {
    const names = new Set(references.map(formatReference))
    const all = this.#archives.flatMap(({ images }) => images)
    const roots = new Set(
      all.filter(({ about, reference }) => about === undefined && names.has(formatReference(reference))).map(contentName),
    )
    const companions = all.filter(({ about, reference }) => about !== undefined && roots.has(contentName({ reference, digest: about })))
    return [...new Map(companions.map(({ reference }) => [formatReference(reference), reference])).values()]
  }

  /** Warnings about entries without a name that a registry could use. */
  skipped(): readonly string[] {
    return skippedWarnings(this.#archives)
  }

  /** The releases that bundles were created from. */
  lists(): readonly NamedList[] {
    return this.#archives.flatMap(({ path, record }) => releaseLists(path, record))
  }

  /** Settles what these names stand for in all archives. Throws INTEGRITY for an image that is not whole, and DESTINATION_COLLISION as joinRoots does. */
  async join(references: readonly Reference[], options: CallOptions = {}): Promise<readonly BundledImage[]> {
    const roots = new Map<string, Map<Digest, BundledImage>>()
    const settled = new Set(this.#archives.flatMap(({ images, isSettled }) => (isSettled ? images : [])))
    for (const image of this.#archives.flatMap(({ images }) => images)) {
      const name = formatReference(image.reference)
      const same = roots.get(name) ?? new Map<Digest, BundledImage>()
      const known = same.get(image.digest)
      if (known === undefined || !settled.has(known)) same.set(image.digest, image)
      roots.set(name, same)
    }
    const pause = yielding(options.signal)
    for (const name of references.map(formatReference)) {
      await pause()
      const found = [...(roots.get(name)?.values() ?? [])]
      const [only] = found
      if (only !== undefined && settled.has(only) && found.length === 1) {
        await this.#refuseLack(only, options)
        this.#images.set(name, only)
      } else if (only !== undefined) {
        // Signatures have no platforms to join by: those of the last archive count.
        const { image, index, isReduced } = await joinRoots(only.about === undefined ? found : found.slice(-1), this, options)
        this.#images.set(name, image)
        if (index !== undefined) this.#made.set(index.descriptor.digest, index)
        if (isReduced) this.#reduced.push(name)
      }
    }
    return [...this.#images.values()]
  }

  /** The K3s releases that bundles record for an image, by its full reference. */
  releases(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, readonly string[]>()
    for (const { reference, releases = [] } of this.#archives.flatMap(({ images }) => images)) {
      const name = formatReference(reference)
      if (releases.length > 0) found.set(name, [...new Set([...(found.get(name) ?? []), ...releases])])
    }
    return found
  }

  /** Sentences about images that stand for something else than in any archive. */
  warnings(): readonly string[] {
    if (this.#reduced.length === 0) return []
    const more = this.#reduced.length - mostNamed
    const names = `${this.#reduced.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
    return [`the archives do not hold the whole original, so that what they hold gets a digest of its own: ${names}`]
  }

  /** What is wrong with archives whose images may be whole all the same, a sentence each; all of them have come to their end then. Throws what ended them early. */
  async damage(): Promise<readonly string[]> {
    const ends = await Promise.allSettled(this.#archives.map((archive) => archive.end()))
    return ends.flatMap((end) => {
      if (end.status === 'fulfilled') return []
      if (isMirrorError(end.reason)) return [`${end.reason.message}; what was copied from it has its digests`]
      throw end.reason
    })
  }

  get lacksEnd(): boolean {
    return this.#archives.some(({ lacksEnd }) => lacksEnd)
  }

  /** What archives count on and none of these holds. */
  async bases(options: CallOptions = {}): Promise<readonly BundleBase[]> {
    const bases: BundleBase[] = []
    for (const { base } of this.#archives) {
      if (base === undefined) continue
      const contents: HeldContent[] = []
      for (const content of base.contents) if (!(await this.holds(content.digest, options))) contents.push(content)
      bases.push({ ...base, contents })
    }
    return bases
  }

  /** False for an image whose digest is not that of its origin, or not known to be. */
  isPreserved(reference: Reference): boolean {
    return this.#images.get(formatReference(reference))?.digestPreserved !== false
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    const image = this.#images.get(formatReference(reference))
    return Promise.resolve(image && { mediaType: image.mediaType, digest: image.digest, size: image.size })
  }

  async holds(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    return this.#made.has(digest) || (await this.#holder(digest, options)) !== undefined
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const digest = reference.digest ?? this.#images.get(formatReference(reference))?.digest
    const made = digest && this.#made.get(digest)
    if (made !== undefined) return made
    const archive = digest && (await this.#holder(digest, options))
    if (digest === undefined || archive === undefined) throw absentContent('the archive', formatReference(reference))
    return archive.getManifest({ ...reference, digest }, options)
  }

  async getBlob(repository: Repository, blob: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    const archive = await this.#holder(blob.digest, options)
    if (archive === undefined) throw absentContent('the archive', blob.digest)
    return archive.getBlob(repository, blob, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const archive of this.#archives) await archive[Symbol.asyncDispose]()
  }

  async #holder(digest: Digest, options: CallOptions): Promise<ImageArchive | undefined> {
    for (const archive of this.#archives) if (await archive.holds(digest, options)) return archive
    return undefined
  }

  /** Of what is decompressed while it is read, nothing can be missed before its end. */
  async #refuseLack(image: BundledImage, options: CallOptions): Promise<void> {
    if (this.#whole.has(image.digest) || this.#archives.some(({ isListed }) => !isListed)) return
    for (const { digest } of await neededContents(this, image, options)) {
      if (this.#elsewhere.has(digest) || (await this.holds(digest, options))) continue
      const holder = this.#archives.find(({ images }) => images.includes(image))
      throw absentContent(holder?.path ?? 'the archive', `${digest}, which ${formatReference(image.reference)} needs`)
    }
    this.#whole.add(image.digest)
  }
}
