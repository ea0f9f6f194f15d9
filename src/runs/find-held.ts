import pLimit from 'p-limit'
import { summariseError, type ErrorSummary } from '../copy/events.ts'
import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { atDigest, formatReference, withoutPin, type Reference } from '../oci/reference.ts'
import type { ImageComparison, ImageToWrite, SideImage } from './compare-images.ts'

/** What a destination with `a` has in the repositories that are written to. */
export interface HeldBlobs {
  readonly holds: (repository: string, digest: Digest) => boolean
  /** True where the name leads to the image already, though its source has another registry. */
  readonly isPresent: (image: ImageToWrite) => boolean
  /** Images about which the place that holds `a` could not be asked. */
  readonly errors: ReadonlyMap<ImageToWrite, ErrorSummary>
  readonly warnings: readonly string[]
}

/** A name in a registry, where the registry of the source does not count. */
function nameIn(repository: string, key: Reference): string {
  const { tag, digest } = withoutPin(key)
  return `${repository}:${tag ?? digest ?? ''}`
}

/** Finds out which blobs of the images to write a destination with `a` has: by asking it, or by reading the images of `a` in the same repositories. */
export function findHeld(comparison: ImageComparison, written: readonly ImageToWrite[], images: readonly SideImage[]): Promise<HeldBlobs> {
  const { headBlob } = comparison.a
  return headBlob === undefined ? readHeld(comparison, written, images) : askHeld(comparison, written, headBlob)
}

async function askHeld(
  comparison: ImageComparison,
  written: readonly ImageToWrite[],
  headBlob: NonNullable<ImageComparison['a']['headBlob']>,
): Promise<HeldBlobs> {
  const { jobs, signal } = comparison.options
  const answers = new Map<string, Promise<boolean>>()
  const errors = new Map<ImageToWrite, ErrorSummary>()
  const held = new Set<string>()
  const present = new Set<ImageToWrite>()
  const limit = pLimit(jobs)
  const lookUp = (name: string, key: Reference, blob: Descriptor): Promise<boolean> => {
    const answer = answers.get(name) ?? comparison.attempt(comparison.a, () => headBlob(key, blob, { signal }))
    answers.set(name, answer)
    return answer
  }
  const ask = async (image: ImageToWrite): Promise<void> => {
    if (await isThere(comparison, image)) present.add(image)
    await Promise.all(
      image.contents.blobs.map(async (blob) => {
        const name = `${image.repository} ${blob.digest}`
        if (await lookUp(name, image.key, blob)) held.add(name)
        else if (image.formerKey !== undefined) {
          const former = `${image.formerly} ${blob.digest}`
          if (await lookUp(former, image.formerKey, blob)) held.add(former)
        }
      }),
    )
  }
  const guarded = async (image: ImageToWrite): Promise<void> => {
    try {
      await ask(image)
    } catch (error) {
      signal.throwIfAborted()
      errors.set(image, summariseError(error))
    }
  }
  await Promise.all(written.map((image) => limit(() => guarded(image))))
  return {
    errors,
    warnings: [],
    holds: (repository, digest) => held.has(`${repository} ${digest}`),
    isPresent: (image) => present.has(image),
  }
}

/** True for an image without a tag whose digest the place has under the name of another image. */
async function isThere({ a, options: { signal } }: ImageComparison, { key, root }: ImageToWrite): Promise<boolean> {
  return key.tag === undefined && (await a.place.headManifest(a.nameOf(atDigest(key, root)), { signal })) !== undefined
}

async function readHeld(comparison: ImageComparison, written: readonly ImageToWrite[], images: readonly SideImage[]): Promise<HeldBlobs> {
  const { jobs, signal } = comparison.options
  const repositories = new Set(written.flatMap(({ repository, formerly = repository }) => [repository, formerly]))
  const warnings: string[] = []
  const roots = new Map<string, Digest>()
  const held = new Set<string>()
  const limit = pLimit(jobs)
  const read = async (image: SideImage): Promise<void> => {
    const repository = comparison.repositoryOf(image.key)
    if (!repositories.has(repository)) return
    try {
      const { root, contents } = await comparison.read(comparison.a, image)
      roots.set(nameIn(repository, image.key), root.digest)
      // An image without a tag is found by its digest.
      for (const { descriptor } of contents.manifests) roots.set(`${repository}:${descriptor.digest}`, descriptor.digest)
      for (const { digest } of contents.blobs) held.add(`${repository} ${digest}`)
    } catch (error) {
      signal.throwIfAborted()
      if (!isMirrorError(error)) throw error
      const name = formatReference(image.reference)
      warnings.push(`what ${name} shares with the other images is unknown, so that fewer bytes may be copied: ${error.message}`)
    }
  }
  await Promise.all(images.map((image) => limit(() => read(image))))
  return {
    errors: new Map(),
    warnings,
    holds: (repository, digest) => held.has(`${repository} ${digest}`),
    isPresent: ({ repository, key, root }) => roots.get(nameIn(repository, key)) === root,
  }
}
