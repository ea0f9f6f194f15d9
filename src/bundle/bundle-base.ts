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
  /** `sha256:…` of the earlier bundle's `k3s-mirror.json`. */
  readonly bundle: string
  /** In the order of the digests. */
  readonly contents: readonly HeldContent[]
}

function invalid(why: string): MirrorError {
  return new MirrorError('INVALID_MANIFEST', `what a bundle holds is written wrongly: ${why}`)
}

function parseContent(value: unknown): HeldContent {
  if (!isJsonObject(value)) throw invalid('content that is none')
  const { digest, size, kind, image } = value
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('content without a digest')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid('content without a size')
  if (kind !== 'manifest' && kind !== 'blob') throw invalid('content that is neither manifest nor blob')
  if (typeof image !== 'string') throw invalid('content without an image')
  return { digest, size, isManifest: kind === 'manifest', image: parseReference(image) }
}

/** Reads a base from a document. Throws INVALID_MANIFEST. */
export function parseBundleBase(value: unknown): BundleBase {
  if (!isJsonObject(value)) throw invalid('it is no object')
  const { schemaVersion, bundle, contents } = value
  if (schemaVersion !== 1) throw invalid('its form is not known here')
  if (typeof bundle !== 'string' || !isDigest(bundle)) throw invalid('the bundle has no digest')
  if (!Array.isArray(contents)) throw invalid('there is no list of contents')
  return { bundle, contents: contents.map(parseContent) }
}

/** A base as a document that parseBundleBase reads. */
export function formatBundleBase({ bundle, contents }: BundleBase): object {
  return {
    schemaVersion: 1,
    bundle,
    contents: contents.map(({ digest, size, isManifest, image }) => ({
      digest,
      size,
      kind: isManifest ? 'manifest' : 'blob',
      image: formatReference(image),
    })),
  }
}
