import type { Digest } from '../oci/digest.ts'
import type { Lock, LockedImage } from './lock.ts'

/** How a lock differs from an earlier one, by the references of images. */
export interface LockChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Images that have another digest at the destination. */
  readonly changed: readonly { readonly reference: string; readonly from: Digest; readonly to: Digest }[]
}

function digestOf({ digest, mirroredDigest }: LockedImage): Digest {
  return mirroredDigest ?? digest
}

/** Compares the images of two locks. */
export function compareLocks(earlier: Lock, later: Lock): LockChanges {
  const [before, now] = [earlier, later].map(({ images }) => new Map(images.map((image) => [image.reference, digestOf(image)])))
  const added: string[] = []
  const changed: LockChanges['changed'][number][] = []
  for (const [reference, to] of now ?? []) {
    const from = before?.get(reference)
    if (from === undefined) added.push(reference)
    else if (from !== to) changed.push({ reference, from, to })
  }
  return { added, removed: [...(before?.keys() ?? [])].filter((reference) => now?.has(reference) !== true), changed }
}
