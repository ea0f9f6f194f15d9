import { randomUUID } from 'node:crypto'
import { registryPlace } from '../../src/connect/pruned-destination.ts'
import type { PrunedPlace } from '../../src/prune/pruned-place.ts'
import { tinyImage, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { memoryRegistry, refuse, type MemoryRegistry } from '../servers/memory-registry.ts'

/** What a registry does with a DELETE of a tag: only that, nothing, or the same as with the manifest. */
export type TagDeletion = 'supported' | 'unsupported' | 'takes-manifest'

/** How a registry deletes. */
export interface DeletionOptions {
  readonly tags?: TagDeletion
  /** The status of a DELETE by digest, for each digest; 202 deletes. */
  readonly manifests?: (digest: string) => number
  /** Digests by subject; undefined where the registry has no referrers API. */
  readonly referrers?: Readonly<Record<string, readonly string[]>>
}

/** A registry in memory that deletes, the place it is, and what it was asked to delete. */
export interface PrunedRegistry extends AsyncDisposable {
  readonly place: PrunedPlace
  readonly registry: MemoryRegistry
  readonly deletes: readonly string[]
  /** The tags of the repository `x`. */
  tags(): readonly string[]
  has(digest: string): boolean
}

/** The repository that tests use. */
export const prunedRepository = { registry: 'registry.example.com', path: 'x' }

/** Starts it. */
export async function prunedRegistry({
  tags = 'unsupported',
  manifests = () => 202,
  referrers,
}: DeletionOptions = {}): Promise<PrunedRegistry> {
  const deletes: string[] = []
  const tagsOf = (): string[] => [...registry.manifests.keys()].flatMap((key) => /^x:(.+)$/.exec(key)?.[1] ?? []).toSorted()
  const drop = (held: unknown): void => {
    for (const [key, one] of registry.manifests)
      if (Buffer.from(one.bytes).equals(Buffer.from((held as typeof one).bytes))) registry.manifests.delete(key)
  }
  const registry: MemoryRegistry = await memoryRegistry(({ method, path }, response) => {
    if (path.startsWith('/v2/x/tags/list')) {
      response.end(JSON.stringify({ tags: tagsOf() }))
      return true
    }
    const subject = /^\/v2\/x\/referrers\/(.+)$/.exec(path)?.[1]
    if (subject !== undefined && referrers !== undefined) {
      response.end(JSON.stringify({ manifests: (referrers[subject] ?? []).map((digest) => ({ digest })) }))
      return true
    }
    const name = /^\/v2\/x\/manifests\/(.+)$/.exec(path)?.[1]
    if (method !== 'DELETE' || name === undefined) return undefined
    deletes.push(name)
    const isDigest = name.includes(':')
    const status = isDigest ? manifests(name) : tags === 'unsupported' ? 405 : 202
    if (status !== 202) return refuse(response, status, status === 405 ? 'UNSUPPORTED' : 'DENIED')
    const held = registry.manifests.get(isDigest ? `x@${name}` : `x:${name}`)
    if (held === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN')
    if (isDigest || tags === 'takes-manifest') drop(held)
    else registry.manifests.delete(`x:${name}`)
    response.writeHead(202).end()
    return true
  })
  const client = openRegistry(registry.url)
  return {
    place: registryPlace(client, { registry: prunedRepository.registry, prefix: '' }),
    registry,
    deletes,
    tags: tagsOf,
    has: (digest) => registry.manifests.has(`x@${digest}`),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

/** An index over these images. */
export function indexOver(...images: readonly TinyImage[]): TinyImage {
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: images.map((image) => image.root.descriptor),
    annotations: { unique: randomUUID() },
  })
  return { blobs: images.flatMap(({ blobs }) => blobs), manifests: [...images.flatMap((image) => image.manifests), root], root }
}

/** An image of its own. */
export function newImage(extra: Record<string, unknown> = {}): TinyImage {
  return tinyImage(undefined, 'amd64', extra)
}
