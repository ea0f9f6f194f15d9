import { completeFromBase } from '../bundle/complete-from-base.ts'
import { JoinedSource } from '../bundle/joined-source.ts'
import { openPlaces, type PlaceOptions } from '../connect/destination.ts'
import { BlobLedger } from '../copy/blob-ledger.ts'
import { contentCopier } from '../copy/copy-image.ts'
import type { Emit } from '../copy/image-copier.ts'
import { runImages } from '../copy/run-images.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { refuseCollisions } from '../plan/collisions.ts'
import { nameDestination } from '../plan/name-destination.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import { parseRules } from './prepare.ts'
import { selectArchived } from './select-archived.ts'
import { registryEvents, startRun, type MirrorRun } from './start-run.ts'

/** Options of `pushBundle`: the archives, what of them, and where to. */
export interface PushBundleOptions extends Omit<PlaceOptions, 'from'> {
  /** Bundles, and what `docker save`, `ctr images export` and skopeo write; plain, compressed or split. */
  readonly files: readonly string[]
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
  /** Globs on `registry/repository:tag`. */
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  /** `regex=replacement` in Go's syntax, for repositories at the destination; the first that matches counts. */
  readonly rewrite?: readonly string[] | undefined
  /** Keep only the last part of a repository's path. */
  readonly flatten?: boolean | undefined
  /** Images at once; default 16. */
  readonly jobs?: number | undefined
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const defaultJobs = 16

/**
 * Copies the images of archives to a registry or a layout, straight out of the files, with the events and the report of `mirror`. What several
 * archives have of one image comes under one tag. An archive that is damaged or not whole is refused before anything moves.
 */
export function pushBundle(options: PushBundleOptions): MirrorRun {
  return startRun('bundle push', options.signal, (emit, signal) => run({ ...options, signal }, emit))
}

async function run(options: PushBundleOptions & { readonly signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now()
  const { files, to, flatten, recheck, retry, jobs = defaultJobs, signal } = options
  const rules = await parseRules(options.rewrite ?? [])
  const name = parseGivenName(options.name)
  await using archives = await JoinedSource.open(files, { name, signal })
  const filtered = await selectArchived(archives, options)
  await using places = await openPlaces(options, registryEvents(emit), { signal })
  const { destination, naming } = places
  const nameAt = (source: Reference): Reference => nameDestination(source, { ...naming, rules, flatten })
  const images = [...filtered.images, ...filtered.companions].map((image) => ({ source: image, destination: nameAt(image) }))
  await refuseCollisions(images, archives, { signal })
  const ledger = new BlobLedger()
  const bases = await archives.bases({ signal })
  const source = await completeFromBase(archives, bases, {
    destination,
    nameAt,
    onHeld: (digest, repository) => ledger.add(digest, repository),
    signal,
  })
  const names = images.map((image) => ({ image: formatReference(image.source), destination: formatReference(image.destination) }))
  emit({ type: 'run-started', destination: to, images: names })
  for (const message of [...filtered.warnings, ...archives.warnings(), ...places.warnings]) emit({ type: 'warning', message })
  const copier = contentCopier({ source, destination, ledger, retry })
  try {
    await runImages({
      images,
      resolve: async (image) => {
        const step = await resolveImage(image, source, destination, { recheck, signal })
        return { ...step, digestPreserved: step.digestPreserved && archives.isPreserved(image.source) }
      },
      copier,
      jobs,
      recheck,
      emit,
      signal,
    })
    for (const message of await archives.damage()) emit({ type: 'warning', message })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  emit({ type: 'run-finished', requests: places.requests(), seconds: (performance.now() - started) / 1000, interrupted: signal.aborted })
}
