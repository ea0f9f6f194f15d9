import { MirrorError } from '../errors.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { isAttestation, isForeignLayer, isPullable, type Manifest } from '../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../oci/media-type.ts'
import { platformIndex, type PlatformImage } from '../oci/platform-index.ts'
import { formatPlatform, isSamePlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import { referencesOf, walkImage } from '../oci/walk.ts'
import type { BundledImage } from './bundle-record.ts'

/** Contents by digest, of one archive or of several together. */
export interface ArchivedContents extends Pick<ImageSource, 'getManifest' | 'getBlob'> {
  holds(digest: Digest, options?: CallOptions): Promise<boolean>
  /** True where an archive ends behind a file without the zeros that end one, so that what is missing may have been cut off. */
  readonly lacksEnd?: boolean
}

/** What of a root the archives hold. */
interface RootSurvey {
  readonly image: BundledImage
  /** Every image below it that is whole and that a node may pull; its platform, where it or the index names one. */
  readonly images: readonly { readonly descriptor: Descriptor; readonly platform: Platform | undefined }[]
  /** What is whole below it under `unknown/unknown`; attestations are left out. */
  readonly unknown: readonly Descriptor[]
  /** The first digest that is missing below it; undefined where everything is there. */
  readonly missing: Digest | undefined
  /** The first image whose manifest and config are there, and a layer is not: it was exported, and is not whole. */
  readonly broken: { readonly platform: Platform | undefined; readonly missing: Digest } | undefined
}

/**
 * Joins what archives have under one name: a root that has all stays as it is; otherwise the name `isReduced`, and what is whole comes under a new index, or
 * a single image under the name itself. Throws INTEGRITY where no image is whole, or one is there in part, and DESTINATION_COLLISION for two images of one platform.
 */
export async function joinRoots(
  roots: readonly BundledImage[],
  contents: ArchivedContents,
  options: CallOptions = {},
): Promise<{ readonly image: BundledImage; readonly index?: Manifest; readonly isReduced: boolean }> {
  const surveys: RootSurvey[] = []
  for (const root of roots) surveys.push(await surveyRoot(root, contents, options))
  for (const survey of surveys) refuseBroken(survey)
  const digests = new Set(surveys.flatMap(({ images }) => images.map(({ descriptor }) => descriptor.digest)))
  const rank = ({ image: { mediaType, digest } }: RootSurvey): string => `${isIndexType(mediaType) ? 'index' : 'manifest'} ${digest}`
  const original = surveys
    .filter(({ images, missing }) => missing === undefined && images.length === digests.size)
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0]
  if (original !== undefined) {
    const named = original.images.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))
    return { image: { ...original.image, platforms: [...new Set(named)] }, isReduced: false }
  }
  for (const survey of surveys) if (contents.lacksEnd === true) refuseCutOff(survey)
  const chosen = choosePlatforms(surveys)
  const listed = [...chosen, ...unknownOf(surveys)]
  const index = listed.length > 1 ? platformIndex(listed) : undefined
  const descriptor = index?.descriptor ?? chosen[0]?.descriptor
  const { reference } = (surveys[0] as RootSurvey).image
  if (reference.digest !== undefined || descriptor === undefined) {
    const subject = formatReference(reference)
    throw new MirrorError('UNSUPPORTED', `${subject} is named by its digest, but is incomplete in the archives`, {
      subject,
      hint: 'export every platform of it, or export it by its tag',
    })
  }
  const platforms = chosen.map(({ platform }) => formatPlatform(platform))
  const { mediaType, digest, size } = descriptor
  const image = { reference, mediaType, digest, size, platforms, digestPreserved: false }
  return { image, ...(index !== undefined && { index }), isReduced: true }
}

function refuseBroken({ image, images, missing, broken }: RootSurvey): void {
  const lacking = broken?.missing ?? (images.length === 0 ? missing : undefined)
  if (lacking === undefined) return
  const what = broken?.platform === undefined ? '' : `${formatPlatform(broken.platform)} of `
  const subject = formatReference(image.reference)
  throw new MirrorError('INTEGRITY', `${what}${subject} is incomplete in the archive: ${lacking} is missing`, {
    subject,
    side: 'source',
    hint: 'export it again with all content of its platform',
  })
}

/** An export of some platforms lacks the same as a copy that was cut off behind a file; only the end that archivers write distinguishes them. */
function refuseCutOff({ image, missing }: RootSurvey): void {
  if (missing === undefined) return
  throw new MirrorError(
    'INTEGRITY',
    `${formatReference(image.reference)} is incomplete: ${missing} is missing, because the archive is truncated`,
    { side: 'source', hint: 'copy the file again from the machine that created it, and compare its checksum' },
  )
}

function choosePlatforms(surveys: readonly RootSurvey[]): readonly PlatformImage[] {
  const chosen: PlatformImage[] = []
  for (const { image, images } of surveys) {
    const name = formatReference(image.reference)
    for (const { descriptor, platform } of images) {
      if (platform === undefined)
        throw new MirrorError('INVALID_MANIFEST', `an image of ${name} names no platform: it cannot be combined with other platforms`)
      const known = chosen.find((one) => isSamePlatform(one.platform, platform))
      if (known === undefined) chosen.push({ descriptor, platform })
      else if (known.descriptor.digest !== descriptor.digest) {
        const message = `the archives have two different images of ${name} for ${formatPlatform(platform)}`
        throw new MirrorError('DESTINATION_COLLISION', message, {
          hint: 'push only one of the archives, or exclude the image with options.exclude',
        })
      }
    }
  }
  const key = ({ platform }: PlatformImage): string => `${formatPlatform(platform)} ${platform.osVersion ?? ''}`
  return chosen.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** Only their digests distinguish these. */
function unknownOf(surveys: readonly RootSurvey[]): readonly PlatformImage[] {
  const unknown = new Map(surveys.flatMap((survey) => survey.unknown).map((descriptor) => [descriptor.digest, descriptor]))
  const platform = { os: 'unknown', architecture: 'unknown' }
  return [...unknown.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)).map((descriptor) => ({ descriptor, platform }))
}

/** Finds out what of an image is there, manifest by manifest; configs are read where an index does not name a platform. */
async function surveyRoot(image: BundledImage, held: ArchivedContents, options: CallOptions = {}): Promise<RootSurvey> {
  const images: RootSurvey['images'][number][] = []
  const unknown: Descriptor[] = []
  let missing: Digest | undefined
  let broken: RootSurvey['broken']
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
        // A config belongs to one image: with it, that was exported. A manifest without it may belong to an image that was not; artifacts share an empty config.
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
