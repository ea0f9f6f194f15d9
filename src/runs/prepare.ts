import type { RegistryEvents } from '../connect/clients.ts'
import { openDestination, parseDestination, type NamedDestination, type RunEnds } from '../connect/destination.ts'
import { endpointsOf, openSources, type Sources } from '../connect/sources.ts'
import { BlobLedger, type Ends } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import { ResolveAhead } from '../copy/resolve-ahead.ts'
import { parsePlatform, type Platform } from '../oci/platform.ts'
import { withoutPin } from '../oci/reference.ts'
import { refuseCollisions, type NamedImage } from '../plan/destination-names.ts'
import type { PlanStep } from '../plan/plan.ts'
import { lookUpExisting, missingBlobs, mountableBlobs, resolveImage, type ResolveOptions } from '../plan/resolve-image.ts'
import type { ImageList } from '../release/image-list.ts'
import type { HeldLock } from './held-lock.ts'
import { openLock, selectListed } from './list-images.ts'
import { contentOptions, defaultJobs, readNaming, type MirrorOptions, type NameAt } from './options.ts'
import { releaseRecorder } from './record-releases.ts'
import { roomyCopier } from './roomy-copier.ts'
import type { MirrorRoute } from './route.ts'
import { runEnding } from './run-ending.ts'
import type { RunPlan } from './start-run.ts'

/** What `mirror` and `plan` have settled, the way included. */
export interface Prepared extends RunPlan {
  readonly ends: RunEnds
  readonly route: MirrorRoute
  /** The lists that name each image, by its full reference at the source. */
  readonly namedBy: ImageList['namedBy']
}

/** Options of `prepare`; `readOnly` leaves a destination as it is. */
type PrepareOptions = MirrorOptions & { readonly readOnly?: boolean }

/** What destinations have in common: the source and the images. */
export interface Selected {
  readonly sources: Sources
  readonly list: ImageList
  readonly lock?: HeldLock | undefined
  /** Present where several destinations read the source at once. */
  readonly branch?: Pick<Ends, 'ledger' | 'openBlob'> | undefined
}

/** What options say that is read before the first request. */
export interface SettledOptions {
  readonly wanted: readonly Platform[] | undefined
  readonly contents: ReturnType<typeof contentOptions>
  readonly named: NamedDestination
  readonly nameAt: NameAt
}

/** Reads what needs no request: it is refused before a layout is made or an Engine is reached. Throws USAGE and INVALID_*. */
export async function settleOptions(options: MirrorOptions, lock: HeldLock | undefined): Promise<SettledOptions> {
  const contents = contentOptions(lock?.contents ?? options)
  const wanted = contents.platforms?.map(parsePlatform)
  const named = parseDestination(options.to)
  const nameAt = await readNaming(options)
  if (options.via === 'docker') (await import('./engine-route.ts')).refuseOptions({ ...options, ...contents })
  return { wanted, contents, named, nameAt }
}

/** Settles everything before the first image, and closes it after `use`. Throws USAGE and INVALID_* before the first request, then what lists and look-ups gave. */
export async function prepare<T>(options: PrepareOptions, events: RegistryEvents, use: (prepared: Prepared) => Promise<T>): Promise<T> {
  const { signal } = options
  const lock = await openLock(options)
  const settled = await settleOptions(options, lock)
  await using sources = await openSources(options, events, { signal })
  // A list that cannot be read leaves no empty layout behind.
  const list = await selectListed(sources.client, options, lock)
  return await prepareDestination(options, settled, { sources, list, lock }, events, use)
}

/** Opens one destination, and closes it after `use`; the source stays open. */
export async function prepareDestination<T>(
  options: PrepareOptions,
  { wanted, contents, named, nameAt }: SettledOptions,
  { sources, list, lock, branch }: Selected,
  events: RegistryEvents,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const { to, via = 'registry', recheck, retry, jobs = defaultJobs[via], signal } = options
  await using ends = await openDestination(named, sources, options)
  // Loaded where an image may have moved. A layout has each blob once, in whatever repository.
  const mayHaveMoved = ends.registry !== undefined && list.images.some(({ registry }) => registry === 'ghcr.io')
  const former = mayHaveMoved ? (await import('./former-repository.ts')).formerRepository : undefined
  const all = list.images.map((source) => ({
    source,
    destination: nameAt(withoutPin(source), ends.naming),
    formerly: former?.(source, nameAt, ends.naming),
  }))
  const { images, shard } =
    options.shard === undefined ? { images: all } : (await import('../plan/shard-images.ts')).shardImages(all, options.shard)
  // The Engine's client is loaded where an Engine is used.
  const engines = via === 'docker' ? await import('./engine-route.ts') : undefined
  using route: MirrorRoute =
    engines === undefined
      ? registryRoute(ends, images, { ...options, ...contents, wanted, jobs }, { lock, branch })
      : await engines.openEngineRoute(ends, wanted, options, events)
  await route.check(all)
  const warnings = [...list.warnings, ...ends.warnings, ...route.warnings]
  const { engine } = route
  const { requests } = ends
  // An Engine may reach registries that this machine cannot.
  const ending = engines === undefined ? runEnding(ends, images, signal) : undefined
  const onCopied = releaseRecorder(ends.layout, images, new Map(Object.entries(list.releases)))
  const retries = retry?.retries
  // An Engine pulls on its own.
  const endpointOf = engines === undefined ? endpointsOf(sources) : undefined
  const plan = {
    endpointOf,
    destination: to,
    images,
    shard,
    lists: list.lists,
    warnings,
    jobs,
    recheck,
    retries,
    ending,
    onCopied,
    engine,
    requests,
  }
  return await use({ ...plan, ends, route, namedBy: list.namedBy })
}

/** The way over registry HTTP, which copies content by content. */
function registryRoute(
  ends: RunEnds,
  images: readonly NamedImage[],
  options: MirrorOptions & { readonly jobs: number; readonly wanted: readonly Platform[] | undefined },
  { lock, branch }: Pick<Selected, 'lock' | 'branch'>,
): MirrorRoute<PlanStep> {
  const { source, destination } = ends
  const { ledger, openBlob } = branch ?? { ledger: new BlobLedger() }
  const { wanted, sparse, foreignLayers, recheck, ifChanged, describePresent, retry, jobs, signal } = options
  const optionsFor = (image: NamedImage): ResolveOptions => {
    const locked = lock && { digest: lock.digestOf(image.source) }
    return { wanted, sparse, foreignLayers, recheck, ifChanged, describePresent, locked, signal }
  }
  const ahead = new ResolveAhead({
    images,
    destination,
    lookUp: (image) => lookUpExisting(image, destination, optionsFor(image)),
    hasRepository: async (repository) => (await ends.registry?.listTags(repository, { signal }))?.[0] !== undefined,
    resolve: (image, existing) => resolveImage(image, source, destination, { ...optionsFor(image), existing }),
    jobs,
    signal,
  })
  // A layout has each blob once, in whatever repository.
  const findHolder = ends.registry && ahead.findHolder.bind(ahead)
  return {
    warnings: [],
    resolve: (image) => ahead.resolve(image),
    copier: roomyCopier(contentCopier({ source, openBlob, destination, ledger, retry, findHolder }), ends),
    check: (all) => refuseCollisions(all, source, { signal }),
    async survey(step) {
      const missing = await missingBlobs(step, destination, { signal })
      const mountable = await mountableBlobs(step, missing, destination, { signal })
      // Docker Hub counts each manifest that is read, the children of an index too, and no HEAD.
      return { missing, mountable, dockerHubPulls: source.isDockerHub(step.source) ? step.contents.manifests.length : 0 }
    },
    [Symbol.dispose]: () => undefined,
  }
}
