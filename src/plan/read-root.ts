import { isMirrorError, MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { nearestFirst } from '../oci/nearest.ts'
import type { Platform } from '../oci/platform.ts'
import { atDigest, formatReference, withoutPin, type Reference } from '../oci/reference.ts'
import { referencesOf } from '../oci/walk.ts'
import { selectEntries, subsetIndex } from './platform-subset.ts'

/** The parts of an image to read. */
export interface ReadOptions extends CallOptions {
  /** The wanted platforms; default: all of them, the index byte for byte. */
  readonly wanted?: readonly Platform[] | undefined
  /** Keep the original index and skip the other platforms' children, instead of writing a new index. */
  readonly sparse?: boolean | undefined
  /** Copy foreign layers too. */
  readonly foreignLayers?: boolean | undefined
  /** Present for an image of a lock; with the digest of the root that the wanted platforms have to give, where the lock states it. */
  readonly locked?: { readonly digest?: Digest | undefined } | undefined
}

/** Reads the root that a HEAD found, or that the reference has the digest of, reduced to the wanted platforms. Throws NOT_FOUND, TAG_MOVED, and INTEGRITY for another root than the locked one. */
export async function readRoot(
  source: ImageSource,
  reference: Reference,
  found: Descriptor | undefined,
  options: ReadOptions,
): Promise<{ readonly root: Manifest; readonly original: Manifest; readonly digestPreserved: boolean }> {
  const { wanted, sparse = false, locked } = options
  const original = await readOriginal(source, reference, found, options)
  const contents = contentsOf(original)
  const isWhole = wanted === undefined || sparse || contents.kind === 'image'
  const entries = isWhole ? [] : selectEntries(contents.manifests, wanted, formatReference(reference))
  const root = isWhole || entries.length === referencesOf(contents).length ? original : subsetIndex(original, entries)
  if (locked?.digest !== undefined && root.descriptor.digest !== locked.digest) {
    const subject = formatReference(reference)
    const message = `${subject}: the index of its locked platforms has the digest ${root.descriptor.digest}, the lock ${locked.digest}`
    throw new MirrorError('INTEGRITY', message, { subject, hint: 'run k3s-mirror lock again, and review the new digest' })
  }
  return { root, original, digestPreserved: root.descriptor.digest === original.descriptor.digest }
}

function readOriginal(source: ImageSource, reference: Reference, found: Descriptor | undefined, options: ReadOptions): Promise<Manifest> {
  const { digest } = reference
  if (found !== undefined) return readFound(source, reference, found, options.signal)
  if (digest !== undefined) return readPinned(source, { ...reference, digest }, options)
  return notFound(source, reference, options.signal).then((error) => Promise.reject(error))
}

type PinnedReference = Reference & { readonly digest: Digest }

/** The manifest of a reference with a digest, which needs no HEAD. */
async function readPinned(source: ImageSource, reference: PinnedReference, { locked, signal }: ReadOptions): Promise<Manifest> {
  try {
    return await source.getManifest(atDigest(reference, reference.digest), { signal })
  } catch (error) {
    if (!(error instanceof MirrorError) || error.code !== 'NOT_FOUND') throw error
    const named = await source.headManifest(withoutPin(reference), { signal }).catch((why: unknown) => {
      signal?.throwIfAborted()
      // A layout suggests similar names.
      if (locked === undefined && isMirrorError(why) && why.code === 'NOT_FOUND') throw why
      return undefined
    })
    if (named === undefined && locked === undefined) throw await notFound(source, reference, signal)
    // A registry that names a digest which it does not have contradicts itself.
    if (named?.digest === reference.digest) throw error
    throw digestGone(reference, named?.digest, error)
  }
}

/** What a digest that is gone says about its tag. */
function digestGone(reference: PinnedReference, named: Digest | undefined, cause: MirrorError): MirrorError {
  const subject = formatReference(reference)
  const { digest } = reference
  const message =
    named === undefined
      ? `${subject} is gone: the source has neither the digest ${digest} nor the tag`
      : `${subject}: the tag has moved: the source has ${named}, and no longer ${digest}`
  const hint = 'read from another copy with options.from, or run k3s-mirror lock again to accept what the source has now'
  return new MirrorError('TAG_MOVED', message, { side: 'source', subject, hint, cause })
}

/** The intended tag is often similar to the given one: suggests the nearest tags where the source can list them. */
async function notFound(source: ImageSource, reference: Reference, signal: AbortSignal | undefined): Promise<MirrorError> {
  const { digest, tag = 'latest' } = reference
  const tags = digest === undefined ? await source.listTags?.(reference, { signal }).catch(() => undefined) : undefined
  const nearest = nearestFirst(tag, tags ?? []).slice(0, 3)
  const what = digest === undefined ? `tag ${tag}` : `digest ${digest}`
  const subject = formatReference(reference)
  return new MirrorError('NOT_FOUND', `${subject} not found: the source has no ${what}`, {
    side: 'source',
    subject,
    hint: nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : 'check the name; a private image may also need credentials',
  })
}

/** The manifest by the digest that HEAD reported; where that is not found, HEAD was wrong and the tag decides. */
async function readFound(source: ImageSource, reference: Reference, found: Descriptor, signal: AbortSignal | undefined): Promise<Manifest> {
  try {
    return await source.getManifest(atDigest(reference, found.digest), { signal })
  } catch (error) {
    const isWrong = error instanceof MirrorError && (error.code === 'NOT_FOUND' || error.code === 'INTEGRITY')
    if (!isWrong || reference.digest !== undefined) throw error
    return source.getManifest(reference, { signal })
  }
}
