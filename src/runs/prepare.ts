import { openPlaces, type Places } from '../connect/destination.ts'
import { MirrorError } from '../errors.ts'
import { parsePlatform } from '../oci/platform.ts'
import { refuseCollisions, type NamedImage } from '../plan/collisions.ts'
import { nameDestination, type RenameRule } from '../plan/name-destination.ts'
import type { PlanStep } from '../plan/plan.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectImages } from '../release/select-images.ts'
import type { EngineRoute, OpenEngine } from './engine-route.ts'
import type { PlanOptions } from './options.ts'

/** Images at once where nothing else is asked for; an Engine moves three layers of an image at once by itself. */
const defaultJobs = { registry: 16, docker: 2 }

/** Everything that is settled before the first image is touched. */
export interface Prepared extends AsyncDisposable {
  readonly places: Places
  readonly list: ImageList
  readonly images: readonly NamedImage[]
  /** Images at once. */
  readonly jobs: number
  /** The Docker Engine that carries them, where one does. */
  readonly engine: EngineRoute | undefined
  /** Sentences for the reader. */
  readonly warnings: readonly string[]
  /** Resolves one image to its step. */
  readonly resolve: (image: NamedImage) => Promise<PlanStep>
}

/** Reads `--rewrite`; Go's regular expressions are loaded where there is one. Throws INVALID_REWRITE. */
export async function parseRules(rewrites: readonly string[]): Promise<readonly RenameRule[]> {
  if (rewrites.length === 0) return []
  const { parseRenameRule } = await import('../registries-yaml/rename-rule.ts')
  return rewrites.map(parseRenameRule)
}

/** The Engine's client is loaded where an Engine is used. */
async function openEngine(options: PlanOptions, open: () => Promise<Places>, events: RegistryEvents): Promise<OpenEngine> {
  const { openEngineRoute } = await import('./engine-route.ts')
  return openEngineRoute(options, open, events)
}

/**
 * Reads the options, opens both ends, fetches the lists, names every image and refuses collisions. Whatever it throws, nothing
 * has moved: USAGE and INVALID_* before the first request; then what the lists and the look-ups gave.
 */
export async function prepare(options: PlanOptions, events: RegistryEvents = {}): Promise<Prepared> {
  const { sparse, foreignLayers, recheck, flatten, signal } = options
  const platforms = options.platforms?.map(parsePlatform)
  if (sparse === true && platforms === undefined) {
    throw new MirrorError('USAGE', '--sparse leaves out what --platform does not choose, and no platform is chosen', {
      hint: 'Give --platform too, or leave --sparse out.',
    })
  }
  const { via = 'registry' } = options
  const rules = await parseRules(options.rewrite ?? [])
  const open = (): Promise<Places> => openPlaces(options, events, { signal })
  const engine = via === 'docker' ? await openEngine(options, open, events) : undefined
  const places = engine?.places ?? (await open())
  const dispose = async (): Promise<void> => {
    engine?.[Symbol.dispose]()
    await places[Symbol.asyncDispose]()
  }
  try {
    const list = await selectImages(places.client, { ...options, signal })
    const images = list.images.map((source) => ({ source, destination: nameDestination(source, { ...places.naming, rules, flatten }) }))
    await refuseCollisions(images, engine ?? places.source, { signal })
    await engine?.refuseSeveralPlatforms(images)
    const resolveOptions = { wanted: platforms, sparse, foreignLayers, recheck, signal }
    return {
      places,
      list,
      images,
      jobs: options.jobs ?? defaultJobs[via],
      engine,
      warnings: [...list.warnings, ...places.warnings, ...(engine?.warnings ?? [])],
      resolve: (image) => resolveImage(image, places.source, places.destination, resolveOptions),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}
