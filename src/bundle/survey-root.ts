import { MirrorError } from '../errors.ts'
import { platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf, isAttestation, isForeignLayer, isPullable, type Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { Platform } from '../oci/platform.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import { readWhole } from '../plan/resolve-image.ts'
import type { BundledImage } from './bundle-record.ts'

/** Contents by digest, of one archive or of several together. */
export interface ArchivedContents extends Pick<ImageSource, 'getManifest' | 'getBlob'> {
  holds(digest: Digest, options?: CallOptions): Promise<boolean>
  /** True where an archive ends behind a file without the zeros that end one, so that what is missing may have been cut off. */
  readonly lacksEnd?: boolean
}

/** An image that is there whole; its platform, where it or the index names one. */
export interface WholeImage {
  readonly descriptor: Descriptor
  readonly platform: Platform | undefined
}

/** An image that lacks a part. */
export interface BrokenImage {
  readonly platform: Platform | undefined
  readonly missing: Digest
}

/** What of a root the archives hold. */
export interface RootSurvey {
  readonly image: BundledImage
  /** Every image below it that is whole and that a node may pull. */
  readonly images: readonly WholeImage[]
  /** What is whole below it under `unknown/unknown`; attestations are left out. */
  readonly unknown: readonly Descriptor[]
  /** The first digest that is missing below it; undefined where everything is there. */
  readonly missing: Digest | undefined
  /** The first image whose manifest and config are there, and a layer is not: it was exported, and is not whole. */
  readonly broken: BrokenImage | undefined
}

const maxNesting = 3
const maxConfigBytes = 8 * 1024 * 1024

class Survey {
  readonly #root: BundledImage
  readonly #contents: ArchivedContents
  readonly #options: CallOptions
  readonly #seen = new Set<Digest>()
  readonly images: WholeImage[] = []
  readonly unknown: Descriptor[] = []
  missing: Digest | undefined
  broken: BrokenImage | undefined

  constructor(root: BundledImage, contents: ArchivedContents, options: CallOptions) {
    this.#root = root
    this.#contents = contents
    this.#options = options
  }

  async visit(entry: Descriptor, depth: number): Promise<void> {
    if (this.#seen.has(entry.digest)) return
    this.#seen.add(entry.digest)
    if (!(await this.#contents.holds(entry.digest, this.#options))) {
      this.missing ??= entry.digest
      return
    }
    const manifest = await this.#contents.getManifest(atDigest(this.#root.reference, entry.digest), this.#options)
    const contents = contentsOf(manifest)
    if (contents.kind === 'image') return this.#image(entry, manifest)
    if (depth >= maxNesting) {
      throw new MirrorError('INVALID_MANIFEST', `${formatReference(this.#root.reference)} nests indexes more than ${maxNesting} deep`)
    }
    for (const child of contents.manifests) await this.visit(child, depth + 1)
  }

  async #image(entry: Descriptor, manifest: Manifest): Promise<void> {
    const contents = contentsOf(manifest)
    if (contents.kind !== 'image') return
    for (const blob of [contents.config, ...contents.layers]) {
      if (isForeignLayer(blob) || (await this.#contents.holds(blob.digest, this.#options))) continue
      this.missing ??= blob.digest
      // A config belongs to one image: with it, that was exported. A manifest alone may be there of one that was not; artifacts share an empty config.
      if (blob !== contents.config && contents.config.mediaType !== mediaTypes.ociEmpty && isPullable(entry))
        this.broken ??= { platform: entry.platform, missing: blob.digest }
      return
    }
    const { descriptor } = manifest
    if (isPullable(entry)) this.images.push({ descriptor, platform: entry.platform ?? (await this.#platformIn(contents.config)) })
    else if (!isAttestation(entry)) this.unknown.push(descriptor)
  }

  async #platformIn(config: Descriptor): Promise<Platform | undefined> {
    if (config.size > maxConfigBytes) return undefined
    return platformOf(await readWhole(this.#contents, this.#root.reference, config, this.#options.signal))
  }
}

/** Finds out what of an image is there, manifest by manifest; configs are read where an index does not name a platform. */
export async function surveyRoot(image: BundledImage, contents: ArchivedContents, options: CallOptions = {}): Promise<RootSurvey> {
  const survey = new Survey(image, contents, options)
  await survey.visit({ mediaType: image.mediaType, digest: image.digest, size: image.size }, 0)
  return { image, images: survey.images, unknown: survey.unknown, missing: survey.missing, broken: survey.broken }
}
