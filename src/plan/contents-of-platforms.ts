import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference } from '../oci/reference.ts'
import { referencesOf, walkImage } from '../oci/walk.ts'
import type { PlanStep, StepContents } from './plan.ts'
import { selectEntries } from './platform-subset.ts'

/** The part of a step's contents that nodes of these platforms pull, its root included. Throws NO_SUCH_PLATFORM. */
export async function contentsOfPlatforms(
  { source, root, contents }: Pick<PlanStep, 'source' | 'root' | 'contents'>,
  wanted: readonly Platform[],
): Promise<StepContents> {
  const manifests = new Map(contents.manifests.map((manifest) => [manifest.descriptor.digest, manifest]))
  const needed = new Set<Digest>()
  const kept: Manifest[] = []
  await walkImage(root, {
    read: ({ digest }) => Promise.resolve(manifests.get(digest)),
    choose: (entries, depth) => (depth === 0 ? selectEntries(entries, wanted, formatReference(source)) : entries),
    visit({ manifest, contents: own }) {
      kept.push(manifest)
      if (own.kind === 'image') for (const { digest } of referencesOf(own)) needed.add(digest)
    },
  })
  const isNeeded = ({ digest }: Descriptor): boolean => needed.has(digest)
  return { manifests: kept, blobs: contents.blobs.filter(isNeeded), foreign: contents.foreign.filter(isNeeded) }
}
