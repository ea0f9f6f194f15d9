import { MirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'

/** Content that an image needs. */
export interface NeededContent {
  readonly digest: Digest
  readonly size: number
  readonly isManifest: boolean
}

/** Content that a bundle holds, and an image of it: in whose repository a destination has the content after a push. */
export interface HeldContent extends NeededContent {
  readonly image: Reference
}

/** What has to be where a bundle is pushed to, because an earlier bundle brought it. */
export interface BundleBase {
  readonly bundle: string
  /** In the order of the digests. */
  readonly contents: readonly HeldContent[]
}

/** True for a number of bytes. */
export function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function invalid(why: string): MirrorError {
  return new MirrorError('INVALID_MANIFEST', `what a bundle holds is written wrongly: ${why}`)
}

function parseContent(value: unknown): HeldContent {
  const { digest, size, kind, image } = isJsonObject(value) ? value : {}
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('content without a digest')
  if (!isSize(size)) throw invalid('content without a size')
  if (kind !== 'manifest' && kind !== 'blob') throw invalid('content that is neither manifest nor blob')
  if (typeof image !== 'string') throw invalid('content without an image')
  return { digest, size, isManifest: kind === 'manifest', image: parseReference(image) }
}

/** Reads a base from a document. Throws INVALID_MANIFEST. */
export function parseBundleBase(value: unknown): BundleBase {
  const { schemaVersion, bundle, contents } = isJsonObject(value) ? value : {}
  if (schemaVersion !== 1) throw invalid('its form is not known here')
  if (typeof bundle !== 'string' || !isDigest(bundle)) throw invalid('the bundle has no digest')
  if (!Array.isArray(contents)) throw invalid('there is no list of contents')
  return { bundle, contents: contents.map(parseContent) }
}

/** A base as a document that parseBundleBase reads. */
export function formatBundleBase({ bundle, contents }: BundleBase): object {
  const documents = contents.map(({ digest, size, isManifest, image }) => {
    return { digest, size, kind: isManifest ? 'manifest' : 'blob', image: formatReference(image) }
  })
  return { schemaVersion: 1, bundle, contents: documents }
}
