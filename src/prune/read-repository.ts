import pLimit from 'p-limit'
import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { contentsOf } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-type.ts'
import { atDigest, type Reference, type Repository } from '../oci/reference.ts'
import type { PrunedPlace } from './pruned-place.ts'

/** What a manifest links to. */
export interface StoredManifest {
  /** The manifests of an index. */
  readonly children: readonly Digest[]
  /** The manifest that this one is about. */
  readonly subject?: Digest
}

/** What a repository holds under its tags. */
export interface StoredRepository {
  readonly repository: Repository
  /** The root of each tag; undefined where the place lists the tag and has no manifest for it. */
  readonly tags: ReadonlyMap<string, Digest | undefined>
  /** Every root, and every index below one; an image below an index is only its digest. */
  readonly manifests: ReadonlyMap<Digest, StoredManifest>
}

/** Manifests of a repository that are read at once. */
const readsAtOnce = 16

/** Reads what the tags and these digests of a repository name; an unknown repository has no tags. Throws where anything but an absence keeps a manifest from being read. */
export async function readRepository(
  place: PrunedPlace,
  repository: Repository,
  { digests = [], signal }: CallOptions & { readonly digests?: Iterable<Digest> } = {},
): Promise<StoredRepository> {
  const limit = pLimit(readsAtOnce)
  const manifests = new Map<Digest, StoredManifest>()
  const names = await unlessAbsent(place.listTags(repository, { signal }))
  const readRoot = (reference: Reference): Promise<Digest | undefined> => limit(() => readManifest(place, reference, manifests, { signal }))
  const { registry, path } = repository
  const tags = await Promise.all((names ?? []).map(async (tag) => [tag, await readRoot({ registry, path, tag })] as const))
  await Promise.all([...digests].map((digest) => readRoot(atDigest(repository, digest))))
  return { repository, tags: new Map(tags), manifests }
}

async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isMirrorError(error) && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Reads a manifest and the indexes below it; undefined for a missing one. */
async function readManifest(
  place: PrunedPlace,
  reference: Reference,
  known: Map<Digest, StoredManifest>,
  options: CallOptions,
): Promise<Digest | undefined> {
  const found = await readLinks(place, reference, options)
  if (found === undefined) return undefined
  const { digest, links, indexes } = found
  if (known.has(digest)) return digest
  known.set(digest, links)
  for (const child of indexes) if (!known.has(child)) await readManifest(place, atDigest(reference, child), known, options)
  return digest
}

interface ReadLinks {
  readonly digest: Digest
  readonly links: StoredManifest
  /** The children that are indexes themselves. */
  readonly indexes: readonly Digest[]
}

async function readLinks(place: PrunedPlace, reference: Reference, options: CallOptions): Promise<ReadLinks | undefined> {
  try {
    const manifest = await place.getManifest(reference, options)
    const contents = contentsOf(manifest)
    const children: readonly Descriptor[] = contents.kind === 'index' ? contents.manifests : []
    const subject = isJsonObject(contents.subject) ? contents.subject['digest'] : undefined
    return {
      digest: manifest.descriptor.digest,
      links: {
        children: children.map(({ digest }) => digest),
        ...(typeof subject === 'string' && isDigest(subject) && { subject }),
      },
      indexes: children.filter(({ mediaType }) => isIndexType(mediaType)).map(({ digest }) => digest),
    }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    if (error.code === 'NOT_FOUND') return undefined
    // Docker schema 1 and artifacts of other types have no children.
    const root = error.code === 'UNSUPPORTED' ? await place.headManifest(reference, options) : undefined
    if (root === undefined || isIndexType(root.mediaType)) throw error
    return { digest: root.digest, links: { children: [] }, indexes: [] }
  }
}

/** These manifests and everything below them. */
export function reachedFrom({ manifests }: Pick<StoredRepository, 'manifests'>, roots: Iterable<Digest>): Set<Digest> {
  const reached = new Set<Digest>()
  const left = [...roots]
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    if (reached.has(digest)) continue
    reached.add(digest)
    left.push(...(manifests.get(digest)?.children ?? []))
  }
  return reached
}
