import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isIndexType } from '../oci/media-type.ts'
import { formatPlatform, matchesPlatform, pickEntries, type Platform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { ResolvedStep } from '../plan/plan.ts'
import { describeFallbacks } from '../plan/platform-subset.ts'
import type { DestinationView } from './destination-view.ts'
import type { LookedUp } from './engine.ts'
import { isJoinedFrom } from './join-platforms.ts'
import { retryThroughEngine, type PatienceOptions } from './retry-through-engine.ts'

/** One image's way through an Engine, which moves whole images and says little about them before. */
export interface EngineStep extends ResolvedStep {
  /** The platforms that are carried, one by one; `undefined` is the one that the Engine chooses. */
  readonly chosen: readonly (Platform | undefined)[]
  /** What the destination's tag names now. */
  readonly existing: Descriptor | undefined
}

/** What of an image is wanted, and how patiently the registries are asked. */
export interface ResolveEngineOptions extends PatienceOptions {
  readonly wanted: readonly Platform[] | undefined
  /** False where the Engine cannot push one platform of an index. */
  readonly canPushFromIndex: boolean
}

/** The platforms of the image that nodes of the wanted ones pull. Throws NO_SUCH_PLATFORM. */
function choose({ root, platforms: offered }: LookedUp, wanted: readonly Platform[], name: string): readonly Platform[] {
  const [only] = offered
  if (only === undefined) return wanted
  const refuse = (why: string): MirrorError => new MirrorError('NO_SUCH_PLATFORM', `${name} ${why}`, { side: 'source', subject: name })
  if (!isIndexType(root.mediaType)) {
    if (wanted.length === 0 || wanted.some((platform) => matchesPlatform(only, platform))) return offered
    throw refuse(`is only for ${formatPlatform(only)}, not for ${wanted.map(formatPlatform).join(', ')}`)
  }
  const entries = offered.map((platform) => ({ platform }))
  const picked = new Set<Platform>()
  for (const platform of wanted) {
    const found = pickEntries(entries, platform)
    if (found.length === 0)
      throw refuse(`has no image for ${formatPlatform(platform)}; available: ${offered.map(formatPlatform).join(', ')}`)
    for (const entry of found) picked.add(entry.platform)
  }
  return offered.filter((platform) => picked.has(platform))
}

/** An Engine pulls one platform at a time, so which ones has to be said where there are several. */
export function severalPlatforms(name: string, platforms: readonly Platform[], images = 1): MirrorError {
  const offered = platforms.map(formatPlatform).join(', ')
  const more = images > 1 ? ` and ${images - 1} more images are` : ' is'
  return new MirrorError('USAGE', `${name} (${offered})${more} for several platforms, but a Docker Engine copies only one at a time`, {
    hint: 'choose platforms, as in options.platforms linux/amd64,linux/arm64, or copy all of them with options.via registry',
  })
}

/** Finds out what it takes to carry one image; a tag that names the very same root already needs nothing. `lookUp` has the Engine ask for a source. */
export async function resolveEngineImage(
  image: NamedImage,
  lookUp: (reference: Reference) => Promise<LookedUp | undefined>,
  destination: DestinationView,
  options: ResolveEngineOptions,
): Promise<EngineStep> {
  const { wanted, signal } = options
  const name = formatReference(image.source)
  if (image.destination.tag === undefined) {
    throw new MirrorError('UNSUPPORTED', `${name} has no tag, but a Docker Engine can push only tags`, {
      subject: name,
      hint: 'add a tag to the digest, or use options.via registry',
    })
  }
  const [found, existing] = await Promise.all([
    retryThroughEngine(() => lookUp(image.source), 'source', image.source.registry, options),
    destination.find(image.destination, { signal }),
  ])
  const offered = found?.platforms ?? []
  const chosen = found === undefined ? (wanted ?? []) : choose(found, wanted ?? [], name)
  if (wanted === undefined && offered.length > 1) throw severalPlatforms(name, offered)
  if (found !== undefined && isIndexType(found.root.mediaType) && !options.canPushFromIndex) {
    const message = `${name} is an index, and this Docker Engine with its containerd image store pushes an index whole or not at all`
    const hint = 'update Docker to 27 or later, use the classic image store, or pass options.via registry'
    throw new MirrorError('UNSUPPORTED', message, { subject: name, hint })
  }
  if (chosen.length > 1 && destination.closed !== undefined) {
    const { code, message } = destination.closed
    throw new MirrorError(code, `k3s-mirror writes the index of several platforms, but cannot reach the destination: ${message}`, {
      side: 'destination',
      hint: 'choose one platform, or set TLS and credentials with options.registries, or a proxy with HTTPS_PROXY',
    })
  }
  if (destination.blind !== undefined) throw destination.blind
  /** True where the tag names an index that was joined from the source's root before. */
  const isJoined = async ({ mediaType, digest }: Descriptor, { root }: LookedUp): Promise<boolean> => {
    if (chosen.length < 2 || !isIndexType(mediaType)) return false
    const index = await destination.manifest(image.destination, digest, { signal })
    return index !== undefined && isJoinedFrom(index, root.digest, chosen)
  }
  const isPresent =
    existing !== undefined && found !== undefined && (existing.digest === found.root.digest || (await isJoined(existing, found)))
  return {
    ...image,
    root: found?.root,
    state: existing === undefined ? 'new' : isPresent ? 'present' : 'changed',
    chosen: chosen.length === 0 ? [undefined] : chosen,
    platforms: chosen.map(formatPlatform),
    existing,
    ...(existing !== undefined && !isPresent && { previous: existing.digest }),
    ...(isPresent && { standsFor: existing }),
    // Nothing is promised before the push: what the Engine made of the image is known then.
    digestPreserved: isPresent && existing.digest === found.root.digest,
    contents: { manifests: [], blobs: [], foreign: [] },
    warnings: describeFallbacks(
      offered.map((platform) => ({ platform })),
      wanted ?? [],
    ),
  }
}
