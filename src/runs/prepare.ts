import type { RegistryEvents } from '../connect/clients.ts'
import { openDestination, parseDestination, type NamedDestination, type RunEnds } from '../connect/destination.ts'
import { openSources, type Sources } from '../connect/sources.ts'
import { BlobLedger, type Ends } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import { MirrorError } from '../errors.ts'
import { parsePlatform, type Platform } from '../oci/platform.ts'
import { refuseCollisions } from '../plan/destination-names.ts'
import type { PlanStep } from '../plan/plan.ts'
import { missingBlobs, resolveImage } from '../plan/resolve-image.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectListed } from './list-images.ts'
import { defaultJobs, readNaming, type MirrorOptions, type NameAt } from './options.ts'
import { releaseRecorder } from './record-releases.ts'
import { roomyCopier } from './roomy-copier.ts'
import type { MirrorRoute } from './route.ts'
import { runEnding } from './run-ending.ts'
import type { RunPlan } from './start-run.ts'

/** What `mirror` and `plan` have settled, the way included. */
export interface Prepared extends RunPlan {
  readonly ends: RunEnds
  readonly route: MirrorRoute
}

/** Options of `prepare`; `readOnly` leaves a destination as it is. */
type PrepareOptions = MirrorOptions & { readonly readOnly?: boolean }

/** What destinations have in common: the source and the images. */
export interface Selected {
  readonly sources: Sources
  readonly list: ImageList
  /** Present where several destinations read the source at once. */
  readonly branch?: Pick<Ends, 'ledger' | 'openBlob'> | undefined
}

/** What options say that is read before the first request. */
export interface SettledOptions {
  readonly wanted: readonly Platform[] | undefined
  readonly named: NamedDestination
  readonly nameAt: NameAt
}

/** Reads what needs no request: it is refused before a layout is made or an Engine is reached. Throws USAGE and INVALID_*. */
export async function settleOptions(options: MirrorOptions): Promise<SettledOptions> {
  if (options.sparse === true && options.platforms === undefined) {
    throw new MirrorError('USAGE', 'options.sparse requires options.platforms', {
      hint: 'pass options.platforms too, or remove options.sparse',
    })
  }
  const wanted = options.platforms?.map(parsePlatform)
  const named = parseDestination(options.to)
  const nameAt = await readNaming(options)
  if (options.via === 'docker') (await import('./engine-route.ts')).refuseOptions(options)
  return { wanted, named, nameAt }
}

/** Settles everything before the first image, and closes it after `use`. Throws USAGE and INVALID_* before the first request, then what lists and look-ups gave. */
export async function prepare<T>(options: PrepareOptions, events: RegistryEvents, use: (prepared: Prepared) => Promise<T>): Promise<T> {
  const { signal } = options
  const read = await settleOptions(options)
  await using sources = await openSources(options, events, { signal })
  // A list that cannot be read leaves no empty layout behind.
  const list = await selectListed(sources.client, options)
  return await prepareDestination(options, read, { sources, list }, events, use)
}

/** Opens one destination, and closes it after `use`; the source stays open. */
export async function prepareDestination<T>(
  options: PrepareOptions,
  { wanted, named, nameAt }: SettledOptions,
  { sources, list, branch }: Selected,
  events: RegistryEvents,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const { to, via = 'registry', recheck, retry, jobs = defaultJobs[via], signal } = options
  await using ends = await openDestination(named, sources, options)
  // The Engine's client is loaded where an Engine is used.
  const engines = via === 'docker' ? await import('./engine-route.ts') : undefined
  using route: MirrorRoute =
    engines === undefined ? registryRoute(ends, branch, wanted, options) : await engines.openEngineRoute(ends, wanted, options, events)
  const images = list.images.map((source) => ({ source, destination: nameAt(source, ends.naming) }))
  await route.check(images)
  const warnings = [...list.warnings, ...ends.warnings, ...route.warnings]
  const { engine } = route
  const { requests } = ends
  // An Engine may reach registries that this machine cannot.
  const ending = engines === undefined ? runEnding(ends, images, signal) : undefined
  const onCopied = releaseRecorder(ends.layout, images, new Map(Object.entries(list.releases)))
  const retries = retry?.retries
  const plan = { destination: to, images, lists: list.lists, warnings, jobs, recheck, retries, ending, onCopied, engine, requests }
  return await use({ ...plan, ends, route })
}

/** The way over registry HTTP, which copies content by content. */
function registryRoute(
  ends: RunEnds,
  branch: Selected['branch'],
  wanted: readonly Platform[] | undefined,
  options: MirrorOptions,
): MirrorRoute<PlanStep> {
  const { source, destination } = ends
  const { ledger, openBlob } = branch ?? { ledger: new BlobLedger() }
  const { sparse, foreignLayers, recheck, ifChanged, retry, signal } = options
  return {
    warnings: [],
    resolve: (image) => resolveImage(image, source, destination, { wanted, sparse, foreignLayers, recheck, ifChanged, signal }),
    copier: roomyCopier(contentCopier({ source, openBlob, destination, ledger, retry }), ends),
    check: (images) => refuseCollisions(images, source, { signal }),
    survey: async (step) => ({
      missing: await missingBlobs(step, destination, { signal }),
      // Docker Hub counts each manifest that is read, the children of an index too, and no HEAD.
      dockerHubPulls: source.isDockerHub(step.source) ? step.contents.manifests.length : 0,
    }),
    [Symbol.dispose]: () => undefined,
  }
}
