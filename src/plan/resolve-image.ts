import { orWrongOnce, retry } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import { platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, type Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { isForeignLayer, isPullable, contentsOf, type Manifest } from '../oci/manifest.ts'
import { nearestFirst } from '../oci/nearest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, formatRepository, withoutPin, type Reference, type Repository } from '../oci/reference.ts'
import type { NamedImage } from './collisions.ts'
import type { PlanStep } from './plan.ts'
import { describeFallbacks, selectEntries, subsetIndex } from './platform-subset.ts'

/** What of an image is wanted. */
export interface ResolveOptions extends CallOptions {
  /** Default: every platform, the index byte for byte. */
  readonly platforms?: readonly Platform[] | undefined
  /** Keep the original index and leave the other platforms' children out, instead of making a new index. */
  readonly sparse?: boolean | undefined
  /** Carry foreign layers too. */
  readonly foreignLayers?: boolean | undefined
  /** Walk an image whose root the destination has already. */
  readonly recheck?: boolean | undefined
}

const maxNesting = 3
const maxConfigBytes = 8 * 1024 * 1024

/** What a walk found below a root. */
type Walked = Pick<PlanStep, 'contents' | 'platforms' | 'warnings'>

const nothing: Walked = { contents: { manifests: [], blobs: [], foreign: [] }, platforms: [] }

/**
 * Finds out what it takes to have an image at the destination: one HEAD on either side where it is there already; otherwise every
 * manifest below the root is read, once. The digest that the tag names now is used for everything that follows.
 */
export async function resolveImage(
  image: NamedImage,
  source: ImageSource,
  destination: ImageDestination,
  options: ResolveOptions = {},
): Promise<PlanStep> {
  const { platforms, sparse = false, recheck = false, signal } = options
  const name = formatReference(image.source)
  const [found, existing] = await Promise.all([
    source.headManifest(image.source, { signal }),
    destination.headManifest(withoutPin(image.destination), { signal }),
  ])
  if (found === undefined) throw await notFound(source, image.source, signal)
  if (existing?.digest === found.digest && !recheck && (platforms === undefined || sparse)) {
    return step(image, found, existing, nothing, true)
  }
  const original = await readRoot(source, image.source, found, signal)
  const root = platforms === undefined || sparse ? original : narrowed(original, platforms, name)
  const digestPreserved = root.descriptor.digest === original.descriptor.digest
  if (existing?.digest === root.descriptor.digest && !recheck) return step(image, root.descriptor, existing, nothing, digestPreserved)
  const walk = new Walk(source, image.source, options)
  return step(image, root.descriptor, existing, await walk.from(root), digestPreserved)
}

function step(image: NamedImage, root: Descriptor, existing: Descriptor | undefined, walked: Walked, digestPreserved: boolean): PlanStep {
  const state = existing === undefined ? 'new' : existing.digest === root.digest ? 'present' : 'changed'
  return { ...image, root, state, digestPreserved, ...walked }
}

/** The tag that was meant is often near the one that was written: where the place can list them, the nearest are named. */
async function notFound(source: ImageSource, reference: Reference, signal: AbortSignal | undefined): Promise<MirrorError> {
  const { digest, tag = 'latest' } = reference
  const tags = digest === undefined ? await source.listTags?.(reference, { signal }).catch(() => undefined) : undefined
  const nearest = nearestFirst(tag, tags ?? []).slice(0, 3)
  const what = digest === undefined ? `tag ${tag}` : `digest ${digest}`
  return new MirrorError('NOT_FOUND', `${formatReference(reference)} does not exist: there is no ${what} at the source`, {
    side: 'source',
    hint:
      nearest.length > 0
        ? `The repository has other tags, spelled most alike: ${nearest.join(', ')}.`
        : 'Check the name; a private image may also need credentials to be seen.',
  })
}

/** The manifest by the digest that HEAD told; where that digest leads nowhere, HEAD was wrong and the tag decides. */
async function readRoot(source: ImageSource, reference: Reference, found: Descriptor, signal: AbortSignal | undefined): Promise<Manifest> {
  try {
    return await source.getManifest(atDigest(reference, found.digest), { signal })
  } catch (error) {
    const isWrong = error instanceof MirrorError && (error.code === 'NOT_FOUND' || error.code === 'INTEGRITY')
    if (!isWrong || reference.digest !== undefined) throw error
    return source.getManifest(reference, { signal })
  }
}

function narrowed(root: Manifest, platforms: readonly Platform[], name: string): Manifest {
  const contents = contentsOf(root)
  if (contents.kind === 'image') return root
  const entries = selectEntries(contents.manifests, platforms, name)
  return entries.length === contents.manifests.length ? root : subsetIndex(root, entries)
}

/** A walk over everything below a root, each manifest and blob once. */
class Walk {
  readonly #source: ImageSource
  readonly #reference: Reference
  readonly #options: ResolveOptions
  readonly #reads = new Map<Digest, Promise<Manifest>>()
  readonly #manifests = new Map<Digest, Manifest>()
  readonly #blobs = new Map<Digest, Descriptor>()
  readonly #foreign = new Map<Digest, Descriptor>()
  readonly #platforms = new Set<string>()
  #warnings: readonly string[] = []

  constructor(source: ImageSource, reference: Reference, options: ResolveOptions) {
    this.#source = source
    this.#reference = reference
    this.#options = options
  }

  async from(root: Manifest): Promise<Walked> {
    const contents = contentsOf(root)
    if (contents.kind === 'image') await this.#addSingle(contents.config)
    await this.#add(root, 0)
    return {
      contents: { manifests: [...this.#manifests.values()], blobs: [...this.#blobs.values()], foreign: [...this.#foreign.values()] },
      platforms: [...this.#platforms],
      warnings: this.#warnings,
    }
  }

  /** Children are read side by side, and stand before their parent in the result. */
  async #add(manifest: Manifest, depth: number): Promise<void> {
    const contents = contentsOf(manifest)
    if (contents.kind === 'image') {
      for (const blob of [contents.config, ...contents.layers]) this.#addBlob(blob)
    } else {
      if (depth >= maxNesting) throw this.#refuse(`nests indexes more than ${maxNesting} deep`)
      if (contents.manifests.length === 0) throw this.#refuse('is an index without any image')
      const wanted = this.#wanted(contents.manifests, depth)
      const children = await Promise.all(wanted.map((entry) => this.#read(entry)))
      for (const child of children) {
        if (!this.#manifests.has(child.descriptor.digest)) await this.#add(child, depth + 1)
      }
    }
    this.#manifests.set(manifest.descriptor.digest, manifest)
  }

  /** A subset is taken from the top index; what it leaves in is taken whole. */
  #wanted(entries: readonly Descriptor[], depth: number): readonly Descriptor[] {
    const { platforms } = this.#options
    const isSubset = platforms !== undefined && depth === 0
    const chosen = isSubset ? selectEntries(entries, platforms, formatReference(this.#reference)) : entries
    if (isSubset) this.#warnings = describeFallbacks(entries, platforms)
    for (const { platform } of chosen.filter(isPullable)) if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    return chosen
  }

  /** A child, read once however many entries lead to it. */
  async #read({ digest, size }: Descriptor): Promise<Manifest> {
    let read = this.#reads.get(digest)
    if (read === undefined) {
      read = this.#fetch(digest)
      this.#reads.set(digest, read)
    }
    const child = await read
    if (child.bytes.length !== size) throw this.#refuse(`names the size ${size} for ${digest}, which has ${child.bytes.length} bytes`)
    return child
  }

  async #fetch(digest: Digest): Promise<Manifest> {
    try {
      return await this.#source.getManifest(atDigest(this.#reference, digest), { signal: this.#options.signal })
    } catch (error) {
      if (!(error instanceof MirrorError) || error.code !== 'NOT_FOUND') throw error
      throw new MirrorError(
        'NOT_FOUND',
        `${formatReference(this.#reference)} is incomplete at the source: ${digest} of its index is missing`,
        {
          side: 'source',
          hint: 'Choose the platforms that are there with --platform, or read from another copy.',
          cause: error,
        },
      )
    }
  }

  #addBlob(blob: Descriptor): void {
    const isLeftOut = isForeignLayer(blob) && this.#options.foreignLayers !== true
    const known = this.#blobs.get(blob.digest)
    if (known !== undefined && known.size !== blob.size) throw this.#refuse(`names two sizes for ${blob.digest}`)
    if (isLeftOut) this.#foreign.set(blob.digest, blob)
    else if (known === undefined) this.#blobs.set(blob.digest, blob)
  }

  /** An image without an index says its platform only in its config; the bytes are kept, so that they are not fetched twice. */
  async #addSingle(config: Descriptor): Promise<void> {
    const { platforms: wanted, signal } = this.#options
    if (config.size > maxConfigBytes) return
    const data = await retry(() => readWhole(this.#source, this.#reference, config, signal), {
      signal,
      isTransient: orWrongOnce(),
    })
    this.#blobs.set(config.digest, { ...config, data })
    const platform = platformOf(data)
    if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    if (wanted === undefined) return
    this.#warnings = describeFallbacks([{ platform }], wanted)
    if (platform !== undefined && wanted.some((one) => matchesPlatform(platform, one))) return
    const has = platform === undefined ? 'does not name its platform' : `is for ${formatPlatform(platform)} alone`
    throw new MirrorError(
      'NO_SUCH_PLATFORM',
      `${formatReference(this.#reference)} ${has}, not for ${wanted.map(formatPlatform).join(', ')}`,
      { hint: 'Ask for platforms that it has, or --exclude the image.' },
    )
  }

  #refuse(why: string): MirrorError {
    return new MirrorError('INVALID_MANIFEST', `${formatReference(this.#reference)} ${why}`, { side: 'source' })
  }
}

/** All bytes of a small blob. Throws INTEGRITY where they are not what the digest says. */
export async function readWhole(
  source: Pick<ImageSource, 'getBlob'>,
  repository: Repository,
  blob: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const content = await source.getBlob(repository, blob, { signal })
  const data = Buffer.alloc(blob.size)
  let at = 0
  await content.read((chunk) => {
    data.set(chunk, at)
    at += chunk.length
  })
  if (hasDigest(data, blob.digest)) return data
  throw new MirrorError(
    'INTEGRITY',
    `the config ${blob.digest} of ${formatRepository(repository)} has other content than its digest says`,
    { side: 'source' },
  )
}
