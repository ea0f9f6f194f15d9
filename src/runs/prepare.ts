import type { RegistryEvents } from '../connect/clients.ts'
import { openDestination, parseDestination, type RunEnds } from '../connect/destination.ts'
import { openSources } from '../connect/sources.ts'
import { BlobLedger } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import { ResolveAhead, type ResolveAheadOptions } from '../copy/resolve-ahead.ts'
import { MirrorError } from '../errors.ts'
import { parsePlatform, type Platform } from '../oci/platform.ts'
import { refuseCollisions, type NamedImage } from '../plan/destination-names.ts'
import type { PlanStep } from '../plan/plan.ts'
import { missingBlobs, resolveImage } from '../plan/resolve-image.ts'
import { selectListed } from './list-images.ts'
import { defaultJobs, readNaming, type MirrorOptions } from './options.ts'
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

/** Settles everything before the first image, and closes it after `use`; `readOnly` leaves a destination as it is. Throws USAGE and INVALID_* before the first request, then what lists and look-ups gave. */
export async function prepare<T>(
  options: MirrorOptions & { readonly readOnly?: boolean },
  events: RegistryEvents,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const { to, sparse, platforms, via = 'registry', recheck, retry, jobs = defaultJobs[via], signal } = options
  if (sparse === true && platforms === undefined) {
    throw new MirrorError('USAGE', 'options.sparse requires options.platforms', {
      hint: 'pass options.platforms too, or remove options.sparse',
    })
  }
  // What cannot be read is refused before a layout is made or an Engine is reached.
  const wanted = platforms?.map(parsePlatform)
  const named = parseDestination(to)
  const nameAt = await readNaming(options)
  // The Engine's client is loaded where an Engine is used.
  const engines = via === 'docker' ? await import('./engine-route.ts') : undefined
  engines?.refuseOptions(options)
  await using sources = await openSources(options, events, { signal })
  // A list that cannot be read leaves no empty layout behind.
  const list = await selectListed(sources.client, options)
  await using ends = await openDestination(named, sources, options)
  const images = list.images.map((source) => ({ source, destination: nameAt(source, ends.naming) }))
  using route: MirrorRoute =
    engines === undefined
      ? registryRoute(ends, images, wanted, { ...options, jobs })
      : await engines.openEngineRoute(ends, wanted, options, events)
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
  images: readonly NamedImage[],
  wanted: readonly Platform[] | undefined,
  { sparse, foreignLayers, recheck, ifChanged, retry, jobs, signal }: MirrorOptions & { readonly jobs: number },
): MirrorRoute<PlanStep> {
  const { source, destination } = ends
  const resolve: ResolveAheadOptions['resolve'] = (image, at) =>
    resolveImage(image, source, at, { wanted, sparse, foreignLayers, recheck, ifChanged, signal })
  const ahead = new ResolveAhead({ images, destination, resolve, jobs, signal })
  // A layout has each blob once, in whatever repository.
  const findHolder = ends.registry && ahead.findHolder.bind(ahead)
  return {
    warnings: [],
    resolve: (image) => ahead.resolve(image),
    copier: roomyCopier(contentCopier({ source, destination, ledger: new BlobLedger(), retry, findHolder }), ends),
    check: () => refuseCollisions(images, source, { signal }),
    survey: async (step) => ({
      missing: await missingBlobs(step, destination, { signal }),
      // Docker Hub counts each manifest that is read, the children of an index too, and no HEAD.
      dockerHubPulls: source.isDockerHub(step.source) ? step.contents.manifests.length : 0,
    }),
    [Symbol.dispose]: () => undefined,
  }
}
