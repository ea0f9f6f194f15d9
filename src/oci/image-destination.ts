import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import type { CallOptions, ImageSource } from './image-source.ts'
import type { Manifest } from './manifest.ts'
import type { Reference, Repository } from './reference.ts'

/** What is known of a blob before it is offered. */
export interface OfferOptions extends CallOptions {
  /** Another repository of the same place that has the blob, to mount it from. */
  readonly from?: Repository | undefined
  /** True where `from` may lack the blob: what it lacks is then uploaded after no more requests than without it. */
  readonly isGuess?: boolean | undefined
  /** `likely`: a lookup comes first. `disproved`: the place missed the blob, so that it is uploaded whatever a lookup says. */
  readonly presence?: 'likely' | 'disproved' | undefined
}

/** How a manifest is stored. */
export interface PutManifestOptions extends CallOptions {
  /** True for the manifest that the image is named by, and not for one below it. */
  readonly isRoot?: boolean
}

/** The open upload of one blob. It occupies resources of the destination until its caller completes or cancels it. */
export interface BlobUpload {
  /** Stores the verified content that `open` gives, which is called for each time that the place asks for it; false where the place had the blob already. */
  put(open: () => Promise<Content>, options?: CallOptions): Promise<boolean>
  /** Gives up what the place has opened and keeps open; after a `put` that stored the blob there is nothing. Never rejects. */
  cancel(): Promise<void>
}

/** What came of offering a blob: the repository has it already, has it now by a mount, or takes an upload. */
export type OfferedBlob = { readonly kind: 'present' | 'mounted' } | { readonly kind: 'upload'; readonly upload: BlobUpload }

/** A root that exists; `manifest` is present where it could be read. */
export interface FoundManifest {
  readonly descriptor: Descriptor
  readonly manifest?: Manifest
}

/** A place that images are written to. Everything becomes visible whole or not at all. */
export interface ImageDestination {
  /** The root descriptor of a tag or digest; undefined if it does not exist. */
  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined>
  /** The same, with the manifest where it could be read. Registries may count this as a pull, which headManifest avoids. Absent where headManifest is followed by a read from the disk. */
  findManifest?(reference: Reference, options?: CallOptions): Promise<FoundManifest | undefined>
  /** True when the repository has the blob. */
  headBlob(repository: Repository, descriptor: Descriptor, options?: CallOptions): Promise<boolean>
  /** Finds out in the cheapest way whether a repository has a blob or can mount it; if not, it is uploaded with what is returned. */
  offerBlob(repository: Repository, descriptor: Descriptor, options?: OfferOptions): Promise<OfferedBlob>
  /** Stores a manifest byte for byte under its digest and, where the reference has a tag, under the tag. */
  putManifest(reference: Reference, manifest: Manifest, options?: PutManifestOptions): Promise<void>
}

/** A place whose images can be looked at; nothing is written there. */
export type ReadablePlace = Pick<ImageSource, 'headManifest' | 'getManifest' | 'getBlob'> & Pick<ImageDestination, 'headBlob'>

/** A place that cannot be asked at all, for the reason given. */
export function refusingPlace(error: Error): ReadablePlace {
  const refuse = async (): Promise<never> => {
    throw error
  }
  return { headManifest: refuse, getManifest: refuse, getBlob: refuse, headBlob: refuse }
}

/** The directory of a place `oci:<directory>`; undefined for any other place. Throws USAGE where it names no directory. */
export function layoutDirectory(place: string, given = 'layout'): string | undefined {
  if (place === 'oci' || place === 'oci:') {
    throw new MirrorError('USAGE', `invalid ${given} "${place}": the directory is missing`, { hint: 'pass oci:<directory>' })
  }
  return place.startsWith('oci:') ? place.slice(4) : undefined
}
