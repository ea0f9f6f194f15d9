import { isMirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isForeignLayer } from '../oci/manifest.ts'
import { atDigest, type Reference } from '../oci/reference.ts'
import { referencesOf, walkImage } from '../oci/walk.ts'
import type { StepContents } from '../plan/plan.ts'
import type { Bundle } from './bundle-reader.ts'
import type { HeldContent, NeededContent, BundledImage } from './bundle-record.ts'
import type { ImageArchive } from './image-archive.ts'

/** What an image of an archive needs, itself first, but layers that are fetched from their own URLs; below a manifest that is not there or damaged nothing is found. */
export async function neededContents(
  archive: Pick<ImageArchive, 'getManifest'>,
  { reference, ...root }: BundledImage,
  options: CallOptions = {},
): Promise<readonly NeededContent[]> {
  const needed = new Map<Digest, NeededContent>()
  await walkImage(root, {
    async read({ digest, size }) {
      if (needed.has(digest)) return undefined
      needed.set(digest, { digest, size, isManifest: true })
      return archive.getManifest(atDigest(reference, digest), options).catch((error: unknown) => {
        if (isMirrorError(error)) return undefined
        throw error
      })
    },
    visit({ contents }) {
      if (contents.kind === 'index') return
      const blobs = referencesOf(contents).filter((blob) => !isForeignLayer(blob))
      for (const { digest, size } of blobs) needed.set(digest, { digest, size, isManifest: false })
    },
  })
  return [...needed.values()]
}

/** All that a bundle holds, or that it counts on to be where it is pushed to, each digest once. Throws INTEGRITY for a damaged bundle. */
export async function heldContents(bundle: Bundle, options: CallOptions = {}): Promise<readonly HeldContent[]> {
  const held = new Map<Digest, HeldContent>(bundle.record.base?.contents.map((content) => [content.digest, content]))
  for (const image of bundle.record.images) {
    for (const { digest, size, isManifest } of await neededContents(bundle, image, options)) {
      if (!held.has(digest) && (await bundle.holds(digest))) held.set(digest, { digest, size, isManifest, image: image.reference })
    }
  }
  return sorted(held)
}

/** All that steps carry, each digest once. */
export function carriedContents(steps: readonly { readonly source: Reference; readonly contents: StepContents }[]): readonly HeldContent[] {
  const carried = new Map<Digest, HeldContent>()
  for (const { source: image, contents } of steps) {
    const manifests = contents.manifests.map(({ descriptor }) => ({ ...descriptor, isManifest: true }))
    for (const { digest, size, isManifest } of [...manifests, ...contents.blobs.map((blob) => ({ ...blob, isManifest: false }))])
      if (!carried.has(digest)) carried.set(digest, { digest, size, isManifest, image })
  }
  return sorted(carried)
}

function sorted(contents: ReadonlyMap<Digest, HeldContent>): readonly HeldContent[] {
  return [...contents.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
}
