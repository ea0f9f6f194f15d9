import pLimit from 'p-limit'
import type { BundleBase, HeldContent } from '../bundle/bundle-base.ts'
import { arrangeBundle } from '../bundle/bundle-contents.ts'
import { readBase, writeLock } from '../bundle/bundle-lock.ts'
import { formatBundleRecord, type BundledList } from '../bundle/bundle-record.ts'
import { bundleTarget } from '../bundle/bundle-target.ts'
import { BundleWriter } from '../bundle/bundle-writer.ts'
import { compressionOfName } from '../bundle/compression.ts'
import { carriedContents } from '../bundle/held-content.ts'
import { UnfinishedBundle } from '../bundle/unfinished-bundle.ts'
import { userAgent } from '../connect/clients.ts'
import { openSources, type SourceOptions } from '../connect/sources.ts'
import { BlobLedger } from '../copy/blob-ledger.ts'
import { contentCopier } from '../copy/copy-image.ts'
import { summariseError } from '../copy/events.ts'
import type { Emit } from '../copy/image-copier.ts'
import { runImages } from '../copy/run-images.ts'
import { MirrorError } from '../errors.ts'
import { followLinks } from '../layout/planted-files.ts'
import { sha256 } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { PlanStep } from '../plan/plan.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectImages, type SelectionOptions } from '../release/select-images.ts'
import { registryEvents, startRun, type MirrorRun } from './start-run.ts'

/** Options of `createBundle`: which images, where from, and the file that they go into. */
export interface CreateBundleOptions extends Omit<SelectionOptions, 'signal' | 'retry'>, SourceOptions {
  /** Ends in `.tar`, `.tar.gz` or `.tar.zst`. */
  readonly file: string
  /** Bytes of a part: the bundle is split into `<file>.001`, `<file>.002` and so on, with their checksums in `<file>.sha256`. */
  readonly splitSize?: number | undefined
  /** An earlier bundle, or its lock file: what it holds stays out. */
  readonly since?: string | undefined
  /** Where what the bundle holds is written, for a later `since`. */
  readonly lock?: string | undefined
  /** `os/arch[/variant]`; default: every platform, the index byte for byte. */
  readonly platforms?: readonly string[] | undefined
  /** Put foreign layers into it too. */
  readonly foreignLayers?: boolean | undefined
  /** Images at once; default 16. */
  readonly jobs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Images at once where nothing else is asked for. */
const defaultJobs = 16

/** Nothing is at the place that a bundle is made for, so that all of each image is read. */
const nowhere: ImageDestination = {
  headManifest: () => Promise.resolve(undefined),
  headBlob: () => Promise.resolve(false),
  putBlob: () => Promise.reject(new MirrorError('INTERNAL', 'nothing is written while images are resolved')),
  putManifest: () => Promise.reject(new MirrorError('INTERNAL', 'nothing is written while images are resolved')),
}

/**
 * Makes a bundle: list → steps → places in the file → copy. The file is there when every image is in it, and otherwise what has come is kept for the
 * next run. Failed images are in the report; what is thrown kept the whole run from starting.
 */
export function createBundle(options: CreateBundleOptions): MirrorRun {
  return startRun('bundle create', options.signal, (emit, signal) => run({ ...options, signal }, emit))
}

async function run(options: CreateBundleOptions & { readonly signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now()
  const { file, since, signal } = options
  const lock = options.lock === undefined ? undefined : await followLinks(options.lock)
  if (compressionOfName(file) === null) {
    throw new MirrorError('USAGE', `${file} ends neither in .tar nor in .tar.zst or .tar.gz`, { hint: 'Write bundle create <file>.tar.' })
  }
  const target = await bundleTarget(file)
  if (compressionOfName(target) !== compressionOfName(file)) {
    throw new MirrorError('USAGE', `${file} leads to ${target}, which ends otherwise; the ending says how a bundle is compressed`, {
      hint: 'Give both the same ending, or name the file itself.',
    })
  }
  const before = since === undefined ? undefined : await readBase(since, { signal })
  await using sources = await openSources(options, registryEvents(emit), { signal })
  const list = await selectImages(sources.client, { ...options, signal })
  emit({
    type: 'run-started',
    destination: file,
    images: list.images.map((image) => ({ image: formatReference(image), destination: formatReference(image) })),
  })
  for (const { name, sha256, coverage, release, images } of list.lists) {
    emit({ type: 'list-read', name, sha256, coverage, images, ...(release !== undefined && { release }) })
  }
  for (const message of [...list.warnings, ...sources.warnings]) emit({ type: 'warning', message })
  try {
    const steps = await resolveAll(list.images, sources.registries, options, emit)
    if (steps !== undefined) await write({ ...options, lock, target }, list, steps, sources.registries, before, emit)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  const requests = { source: sources.requests(), destination: 0 }
  emit({ type: 'run-finished', requests, seconds: (performance.now() - started) / 1000, interrupted: signal.aborted })
}

/** Every image's step, in the list's order; undefined where one cannot be resolved, which is told as its failure. */
async function resolveAll(
  images: readonly Reference[],
  source: Parameters<typeof resolveImage>[1],
  { platforms, foreignLayers, jobs = defaultJobs, signal }: CreateBundleOptions,
  emit: Emit,
): Promise<readonly PlanStep[] | undefined> {
  const limit = pLimit(jobs)
  const wanted = platforms?.map(parsePlatform)
  const steps = await Promise.all(
    images.map((image) =>
      limit(async () => {
        try {
          return await resolveImage({ source: image, destination: image }, source, nowhere, { platforms: wanted, foreignLayers, signal })
        } catch (error) {
          signal?.throwIfAborted()
          const name = formatReference(image)
          emit({ type: 'image-failed', image: name, destination: name, error: summariseError(error), final: true })
          return undefined
        }
      }),
    ),
  )
  const whole = steps.filter((step) => step !== undefined)
  return whole.length === steps.length ? whole : undefined
}

/** What of an earlier bundle the images need. */
function needOf({ bundle, contents }: BundleBase, carried: readonly HeldContent[]): BundleBase {
  const needed = new Set(carried.map(({ digest }) => digest))
  return { bundle, contents: contents.filter(({ digest }) => needed.has(digest)) }
}

async function write(
  options: CreateBundleOptions & { readonly target: string },
  list: ImageList,
  steps: readonly PlanStep[],
  source: Parameters<typeof resolveImage>[1],
  before: BundleBase | undefined,
  emit: Emit,
): Promise<void> {
  const { target, lock, splitSize, jobs = defaultJobs, retry, signal } = options
  const lists: readonly BundledList[] = list.lists.map(({ name, release, sha256, images }) => ({
    name: release ?? name,
    ...(release !== undefined && { release }),
    sha256,
    images,
  }))
  const images = steps.map(({ source: reference, root, platforms, digestPreserved }) => ({
    reference,
    ...root,
    platforms,
    digestPreserved,
  }))
  const carried = carriedContents(steps)
  const record = { tool: userAgent, lists, images, ...(before && { base: needOf(before, carried) }) }
  const layout = arrangeBundle(
    record,
    steps.map(({ contents }) => contents),
  )
  await using part = await UnfinishedBundle.open(target, layout, { signal })
  let isWhole = true
  const watch: Emit = (event) => {
    if (event.type === 'image-failed' && event.final) isWhole = false
    emit(event)
  }
  await runImages({
    images: steps,
    resolve: (image) => Promise.resolve(image as PlanStep),
    copier: contentCopier({
      source,
      destination: new BundleWriter(part, layout.elsewhere),
      ledger: new BlobLedger(),
      retry,
    }),
    jobs,
    emit: watch,
    signal,
  })
  if (!isWhole) return
  // The lock comes first: it may name a bundle that is not there, and no bundle is there without its lock.
  if (lock !== undefined) await writeLock(lock, { bundle: sha256(formatBundleRecord(record)), contents: carried })
  await part.finish({ splitSize, signal })
}
