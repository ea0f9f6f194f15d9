import { isMirrorError, MirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference } from '../oci/reference.ts'
import { selectEntries, subsetIndex } from '../plan/platform-subset.ts'
import { reasonOf } from './checked-endpoint.ts'
import type { Problem } from './image-verdict.ts'

/** What an image ought to be, and who says so; or why that could not be learned. */
export type ExpectedDigest =
  | { readonly by: string; readonly digests: readonly Digest[] }
  | { readonly by: string; readonly error: MirrorError }

/** The problems of an image that is not what it ought to be; `location` is who serves it. */
export function compareDigests(name: string, digest: Digest, location: string, expected: readonly ExpectedDigest[]): readonly Problem[] {
  return expected.flatMap((expectation): Problem[] => {
    if ('error' in expectation) {
      const { by, error } = expectation
      return [{ status: 'unreachable', code: 'NOT_COMPARED', message: `${name}: nothing to compare with: ${by}: ${reasonOf(error, by)}` }]
    }
    const { by, digests } = expectation
    if (digests.includes(digest)) return []
    const message = `${name}: the tag has moved: ${location} has ${digest}, ${by} ${digests.join(' or ')}`
    return [{ status: 'moved', code: 'TAG_MOVED', message }]
  })
}

/** The digest of a name at the source now, with `wanted` also that of the index over these platforms; failures are part of the answer, not thrown. */
export async function digestAtSource(
  source: Pick<ImageSource, 'headManifest' | 'getManifest'>,
  reference: Reference,
  by: string,
  { wanted, signal }: CallOptions & { readonly wanted?: readonly Platform[] | undefined } = {},
): Promise<ExpectedDigest> {
  try {
    const found = await source.headManifest(reference, { signal })
    if (found === undefined) throw new MirrorError('NOT_FOUND', `${formatReference(reference)} not found at the source`)
    if (wanted === undefined) return { by, digests: [found.digest] }
    const root = await source.getManifest(atDigest(reference, found.digest), { signal })
    const contents = contentsOf(root)
    if (contents.kind === 'image') return { by, digests: [found.digest] }
    const entries = selectEntries(contents.manifests, wanted, formatReference(reference))
    return { by, digests: [...new Set([found.digest, subsetIndex(root, entries).descriptor.digest])] }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isMirrorError(error)) throw error
    return { by, error }
  }
}

/** The digests of a JSON report of `mirror`, `plan` or `verify`, by the image's own name. Throws USAGE for anything else; `name` is what messages call it. */
export function readExpectedDigests(text: string, name: string): ReadonlyMap<string, Digest> {
  const refuse = (why: string): never => {
    throw new MirrorError('USAGE', `${name} is not a report of k3s-mirror: ${why}`)
  }
  let document: { readonly schemaVersion?: unknown; readonly images?: unknown } | null
  try {
    document = JSON.parse(text) as typeof document
  } catch {
    return refuse('it is not JSON')
  }
  if (typeof document !== 'object' || document?.schemaVersion !== 1) return refuse('it has no schemaVersion 1')
  if (!Array.isArray(document.images)) return refuse('it has no list of images')
  const digests = new Map<string, Digest>()
  for (const image of document.images as ({ source?: unknown; reference?: unknown; digest?: unknown } | null)[]) {
    const reference = image?.source ?? image?.reference
    // An image that failed has no digest.
    if (typeof reference !== 'string' || typeof image?.digest !== 'string') continue
    if (!isDigest(image.digest)) return refuse(`the digest of ${reference.slice(0, 300)} is invalid`)
    digests.set(reference, image.digest)
  }
  return digests
}
