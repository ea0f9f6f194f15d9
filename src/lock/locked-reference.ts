import { parseReference, type Reference } from '../oci/reference.ts'
import type { LockedImage } from './lock.ts'

/** An image of a lock as a reference with its digest: the digest decides what is read, the tag is its name at the destination. */
export function lockedReference({ reference, digest }: Pick<LockedImage, 'reference' | 'digest'>): Reference {
  return { ...parseReference(reference), digest }
}
