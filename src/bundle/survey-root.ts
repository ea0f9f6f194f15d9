import { MirrorError } from '../errors.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { isAttestation, isForeignLayer, isPullable } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { Platform } from '../oci/platform.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import { referencesOf, walkImage } from '../oci/walk.ts'
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

/** Finds out what of an image is there, manifest by manifest; configs are read where an index does not name a platform. */
export async function surveyRoot(image: BundledImage, held: ArchivedContents, options: CallOptions = {}): Promise<RootSurvey> {
  const images: WholeImage[] = []
  const unknown: Descriptor[] = []
  let missing: Digest | undefined
  let broken: BrokenImage | undefined
  await walkImage(image, {
    async read({ digest }) {
      if (await held.holds(digest, options)) return held.getManifest(atDigest(image.reference, digest), options)
      missing ??= digest
      return undefined
    },
    async visit({ entry, manifest: { descriptor }, contents }) {
      if (contents.kind === 'index') return
      const { config } = contents
      for (const blob of referencesOf(contents)) {
        if (isForeignLayer(blob) || (await held.holds(blob.digest, options))) continue
        missing ??= blob.digest
        // A config belongs to one image: with it, that was exported. A manifest alone may be there of one that was not; artifacts share an empty config.
        if (blob !== config && config.mediaType !== mediaTypes.ociEmpty && isPullable(entry))
          broken ??= { platform: entry.platform, missing: blob.digest }
        return
      }
      if (isPullable(entry)) {
        images.push({ descriptor, platform: entry.platform ?? (await readPlatform(held, image.reference, config, options)) })
      } else if (!isAttestation(entry)) unknown.push(descriptor)
    },
    tooDeep(why) {
      throw new MirrorError('INVALID_MANIFEST', `${formatReference(image.reference)} ${why}`)
    },
  })
  return { image, images, unknown, missing, broken }
}
