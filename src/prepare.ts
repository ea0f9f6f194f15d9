import type { SessionEvents } from './registry/session.ts'
import { MirrorError } from './errors.ts'
import { parsePlatform } from './oci/platform.ts'
import { openPlaces, type PlaceOptions, type Places } from './places.ts'
import { refuseCollisions, type NamedImage } from './plan/collisions.ts'
import { nameDestination, type RenameRule } from './plan/name-destination.ts'
import type { PlanStep } from './plan/plan.ts'
import { resolveImage } from './plan/resolve-image.ts'
import type { ImageList } from './release/image-list.ts'
import { selectImages, type SelectionOptions } from './release/select-images.ts'

/** Which images, how they are named at the destination, and where both ends are; a selection needs at least one release, list or reference. */
export interface PlanOptions extends Omit<SelectionOptions, 'signal' | 'retry'>, PlaceOptions {
  /** `os/arch[/variant]`; default: every platform, the index byte for byte. */
  readonly platforms?: readonly string[] | undefined
  /** With `platforms`: keep the original index and leave the other children out. */
  readonly sparse?: boolean | undefined
  /** `regex=replacement` in Go's syntax, for repositories at the destination; the first that matches counts. */
  readonly rewrite?: readonly string[] | undefined
  /** Keep only the last part of a repository's path. */
  readonly flatten?: boolean | undefined
  /** Copy foreign layers too. */
  readonly foreignLayers?: boolean | undefined
  /** Images at once; default 16. */
  readonly jobs?: number | undefined
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Images at once where nothing else is asked for. */
export const defaultJobs = 16

/** Everything that is settled before the first image is touched. */
export interface Prepared extends AsyncDisposable {
  readonly places: Places
  readonly list: ImageList
  readonly images: readonly NamedImage[]
  /** Resolves one image to its step. */
  readonly resolve: (image: NamedImage) => Promise<PlanStep>
}

/** Go's regular expressions are loaded where a rewrite needs them. */
async function parseRules(rewrites: readonly string[]): Promise<readonly RenameRule[]> {
  if (rewrites.length === 0) return []
  const { parseRenameRule } = await import('./registries-yaml/rename-rule.ts')
  return rewrites.map(parseRenameRule)
}

/**
 * Reads the options, opens both ends, fetches the lists, names every image and refuses collisions. Whatever it throws, nothing
 * has moved: USAGE and INVALID_* before the first request; then what the lists and the look-ups gave.
 */
export async function prepare(options: PlanOptions, events: SessionEvents = {}): Promise<Prepared> {
  const { sparse, foreignLayers, recheck, flatten, signal } = options
  const platforms = options.platforms?.map(parsePlatform)
  if (sparse === true && platforms === undefined) {
    throw new MirrorError('USAGE', '--sparse leaves out what --platform does not choose, and no platform is chosen', {
      hint: 'Give --platform too, or leave --sparse out.',
    })
  }
  const rules = await parseRules(options.rewrite ?? [])
  const places = await openPlaces(options, events, { signal })
  try {
    const list = await selectImages(places.client, { ...options, signal })
    const images = list.images.map((source) => ({ source, destination: nameDestination(source, { ...places.naming, rules, flatten }) }))
    await refuseCollisions(images, places.source, { signal })
    const resolveOptions = { platforms, sparse, foreignLayers, recheck, signal }
    return {
      places,
      list,
      images,
      resolve: (image) => resolveImage(image, places.source, places.destination, resolveOptions),
      [Symbol.asyncDispose]: () => places[Symbol.asyncDispose](),
    }
  } catch (error) {
    await places[Symbol.asyncDispose]()
    throw error
  }
}
