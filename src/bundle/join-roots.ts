import { MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-type.ts'
import { platformIndex, type PlatformImage } from '../oci/platform-index.ts'
import { formatPlatform, isSamePlatform } from '../oci/platform.ts'
import { formatReference } from '../oci/reference.ts'
import type { BundledImage } from './bundle-record.ts'
import { surveyRoot, type ArchivedContents, type RootSurvey } from './survey-root.ts'

/** What one name stands for once all archives are taken together. */
export interface JoinedImage {
  readonly image: BundledImage
  /** Present where a new index was made. */
  readonly index?: Manifest
  /** True where the name stands for something else than in any of the archives. */
  readonly isReduced: boolean
}

/**
 * Joins what archives have under one name. A root that is whole and has all that the others have stays as it is; otherwise the images that are whole
 * come under a new index, sorted by platform, without attestations and with what is of no known platform, or a single one under the name itself. Throws INTEGRITY where no image is
 * whole, or one is there in part, and DESTINATION_COLLISION for two images of one platform.
 */
export async function joinRoots(
  roots: readonly BundledImage[],
  contents: ArchivedContents,
  options: CallOptions = {},
): Promise<JoinedImage> {
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
    throw new MirrorError('UNSUPPORTED', `${subject} is named by its digest, and not all of it is in the archives`, {
      subject,
      hint: 'Export every platform of it, or export it by its tag.',
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
  throw new MirrorError('INTEGRITY', `${what}${subject} is not whole in the archive: ${lacking} is missing`, {
    subject,
    side: 'source',
    hint: 'Export it again, with everything that belongs to its platform.',
  })
}

/** An export of some platforms lacks the same as a copy that was cut off behind a file; only the end that archivers write tells them apart. */
function refuseCutOff({ image, missing }: RootSurvey): void {
  if (missing === undefined) return
  throw new MirrorError(
    'INTEGRITY',
    `${formatReference(image.reference)} is not whole: ${missing} is missing, and the archive ends before its end: it was cut off`,
    { side: 'source', hint: 'Copy the file again from where it was made, and compare its checksum.' },
  )
}

function choosePlatforms(surveys: readonly RootSurvey[]): readonly PlatformImage[] {
  const chosen: PlatformImage[] = []
  for (const { image, images } of surveys) {
    const name = formatReference(image.reference)
    for (const { descriptor, platform } of images) {
      if (platform === undefined)
        throw new MirrorError('INVALID_MANIFEST', `an image of ${name} names no platform, and so cannot stand beside others`)
      const known = chosen.find((one) => isSamePlatform(one.platform, platform))
      if (known === undefined) chosen.push({ descriptor, platform })
      else if (known.descriptor.digest !== descriptor.digest) {
        throw new MirrorError(
          'DESTINATION_COLLISION',
          `the archives have two different images of ${name} for ${formatPlatform(platform)}`,
          {
            hint: 'Push one of the archives alone, or options.exclude the image.',
          },
        )
      }
    }
  }
  const key = ({ platform }: PlatformImage): string => `${formatPlatform(platform)} ${platform.osVersion ?? ''}`
  return chosen.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** Nothing tells these apart but their digests. */
function unknownOf(surveys: readonly RootSurvey[]): readonly PlatformImage[] {
  const unknown = new Map(surveys.flatMap((survey) => survey.unknown).map((descriptor) => [descriptor.digest, descriptor]))
  const platform = { os: 'unknown', architecture: 'unknown' }
  return [...unknown.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)).map((descriptor) => ({ descriptor, platform }))
}
