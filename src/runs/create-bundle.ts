import pLimit from 'p-limit'
import { arrangeBundle, arrangeLayout } from '../bundle/bundle-contents.ts'
import { BundleDestination, type ArrangedBundle } from '../bundle/bundle-destination.ts'
import { lockedBundle, readBase, writeLock } from '../bundle/bundle-lock.ts'
import { type BundleBase, type HeldContent, formatBundleRecord, knownFiles } from '../bundle/bundle-record.ts'
import { bundleTarget, lockTarget } from '../bundle/bundle-target.ts'
import { compressionOfName } from '../bundle/compression.ts'
import { carriedContents } from '../bundle/held-content.ts'
import { imagesFiles, refuseUntagged, type ImagesFile } from '../bundle/images-dir.ts'
import { userAgent, type TransferOptions } from '../connect/clients.ts'
import { endpointsOf, openSources, type SourceOptions, type Sources } from '../connect/sources.ts'
import { BlobLedger } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import { summariseError } from '../copy/events.ts'
import { MirrorError } from '../errors.ts'
import type { GatheredKit, KitFacts } from '../kit/gather-kit.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, withoutPin } from '../oci/reference.ts'
import { contentsOfPlatforms } from '../plan/contents-of-platforms.ts'
import { refuseCollisions, type NamedImage } from '../plan/destination-names.ts'
import type { PlanStep, StepContents } from '../plan/plan.ts'
import { readImage } from '../plan/resolve-image.ts'
import type { ImageList } from '../release/image-list.ts'
import type { ImageSelection } from '../release/select-images.ts'
import { checkOptions } from './check-options.ts'
import { copyFiles, heldBytes } from './copy-files.ts'
import type { HeldLock } from './held-lock.ts'
import { openLock, selectListed } from './list-images.ts'
import { makeLock, type LockedStep } from './make-lock.ts'
import { defaultJobs, type ContentOptions, type BatchOptions } from './options.ts'
import type { Route } from './route.ts'
import { runEnding } from './run-ending.ts'
import { startRun, type CopyImages, type MirrorRun, type OnFailure, type RunContext } from './start-run.ts'

/** Options of `createBundle`: which images, where from, and the file that they go into. */
export interface CreateBundleOptions extends ImageSelection, SourceOptions, TransferOptions, ContentOptions, BatchOptions {
  /** Ends in `.tar`, `.tar.gz` or `.tar.zst`. With `forImagesDir` and `platforms`, `{arch}` in the name writes one file for each architecture. */
  readonly file: string
  /**
   * For K3s' images directory: the original index of each image, also where other platforms are left out, and no record of the bundle. Such a file
   * cannot be split, cannot be based on another bundle, and each image in it has a tag. https://docs.k3s.io/add-ons/import-images
   */
  readonly forImagesDir?: boolean | undefined
  /** Bytes of a part: the bundle is split into `<file>.001`, `<file>.002` and so on, with their checksums in `<file>.sha256`. */
  readonly splitSize?: number | undefined
  /** An earlier bundle, or its lock file: what it holds stays out. */
  readonly since?: string | undefined
  /** Where what the bundle holds is written, for a later `since`. */
  readonly lock?: string | undefined
}

/** The files of a run: where the bundle and its lock go, links followed, and the bundle that it builds on. */
type BundleFiles = Awaited<ReturnType<typeof findFiles>>

/** Finds the files that a bundle has next to its images, once these are known. */
export type GatherFiles = (
  client: Sources['client'],
  facts: Pick<KitFacts, 'images' | 'lists' | 'before'>,
  options: CallOptions,
) => Promise<GatheredKit>

/** Makes a bundle: list → steps → positions in the file → copy; the file is there when every image is in it, and what has come is kept for the next run. */
export function createBundle(options: CreateBundleOptions): MirrorRun {
  checkOptions(options, ['file'])
  return startRun('bundle create', options.signal, (run) => writeBundle({ ...options, signal: run.signal }, run))
}

/** Makes a bundle within a run; `gather` makes it a kit. */
export async function writeBundle(options: CreateBundleOptions, run: RunContext, gather?: GatherFiles): Promise<void> {
  const { file, jobs = defaultJobs.registry, signal } = options
  const files = await findFiles(options, gather === undefined ? 'bundle' : 'kit')
  const held = await openLock(options)
  const { platforms } = contentsOf(options, held)
  await using sources = await openSources(options, run.events, { signal })
  const { source, requests } = sources
  const { images: references, lists, releases, warnings } = await selectListed(sources.client, options, held)
  // Tools that read the bundle know no names with tag and digest.
  const images = references.map((reference) => ({ source: reference, destination: withoutPin(reference) }))
  if (options.forImagesDir === true) refuseUntagged(images.map(({ destination }) => destination))
  await refuseCollisions(images, source, { signal })
  const kit = await gather?.(sources.client, { images: references, lists, before: files.before }, { signal })
  const plan = {
    destination: file,
    endpointOf: endpointsOf(sources),
    images,
    lists,
    warnings: [...warnings, ...(kit?.warnings ?? []), ...sources.warnings],
    jobs,
    retries: options.retry?.retries,
    ending: runEnding(sources, images, signal),
    requests,
  }
  await run.follow(plan, async (copyImages, onFailure) => {
    const resolving = { ...options, platforms, jobs, before: files.before, held }
    const steps = await resolveAll(images, source, resolving, { ...run, onFailure })
    if (steps === undefined) return
    const list = { lists, releases }
    await write({ files, list, steps, sources, kit, run, copyImages, options: { ...options, platforms } })
  })
}

/** What of the images is carried. Throws USAGE for the lock of sparse indexes, which only a bundle for the images directory can hold. */
function contentsOf({ platforms, forImagesDir }: CreateBundleOptions, held: HeldLock | undefined): Pick<CreateBundleOptions, 'platforms'> {
  if (held?.contents.sparse === true && forImagesDir !== true) {
    throw new MirrorError('USAGE', `a bundle cannot have the digests of ${held.path}: it is a lock for sparse indexes`, {
      hint: 'run k3s-mirror lock again without options.sparse, or pass options.forImagesDir',
    })
  }
  return { platforms: held === undefined ? platforms : held.contents.platforms }
}

/** Throws USAGE for names of bundles that cannot be used, and what reading the earlier bundle throws. */
async function findFiles(options: CreateBundleOptions, noun: 'bundle' | 'kit') {
  const { lock, since, signal } = options
  const lockFile = await lockTarget(lock)
  const bundles: (ImagesFile & Pick<ArrangedBundle, 'target'>)[] = []
  for (const one of imagesFiles(options)) bundles.push({ ...one, target: await findTarget(one.file, noun) })
  return { bundles, lock: lockFile, before: since === undefined ? undefined : await readBase(since, { signal }) }
}

/** Throws USAGE where the names do not say how the bundle is compressed. */
async function findTarget(file: string, noun: 'bundle' | 'kit'): Promise<string> {
  if (compressionOfName(file) === null) {
    throw new MirrorError('USAGE', `"${file}" is not a ${noun} name: it must end in .tar, .tar.gz or .tar.zst`, {
      hint: `write k3s-mirror ${noun} create ${/^[./]*$/.test(file) ? 'k3s' : file.replace(/\.[a-z0-9]{1,4}$/i, '')}.tar`,
    })
  }
  const target = await bundleTarget(file)
  if (compressionOfName(target) !== compressionOfName(file)) {
    throw new MirrorError('USAGE', `"${file}" is a link to "${target}": both must have the same extension, which selects the compression`, {
      hint: 'give both the same extension, or pass the file itself',
    })
  }
  return target
}

/** The step of an image, and the root that it has at the source. */
type BundleStep = PlanStep & LockedStep

/** Every image's step, in the list's order; undefined where one cannot be resolved, which is reported as its failure. */
async function resolveAll(
  images: readonly NamedImage[],
  source: Sources['source'],
  {
    platforms,
    foreignLayers,
    forImagesDir: sparse,
    jobs,
    before,
    held,
  }: CreateBundleOptions & { readonly jobs: number; readonly held: HeldLock | undefined } & Pick<BundleFiles, 'before'>,
  { emit, signal, onFailure }: RunContext & { readonly onFailure: OnFailure },
): Promise<readonly BundleStep[] | undefined> {
  const limit = pLimit(jobs)
  const wanted = platforms?.map(parsePlatform)
  const brought = new Set<string>(before?.contents.map(({ digest }) => digest))
  const steps = await Promise.all(
    images.map((image) =>
      limit(async () => {
        try {
          const locked = held && { digest: held.digestOf(image.source) }
          const read = await readImage(source, image.source, { wanted, sparse, foreignLayers, locked, signal })
          const state = isBrought(read, brought) ? ('present' as const) : ('new' as const)
          return { ...image, state, ...read }
        } catch (error) {
          signal.throwIfAborted()
          await onFailure(error)
          signal.throwIfAborted()
          const [name, destination] = [image.source, image.destination].map(formatReference) as [string, string]
          emit({ type: 'image-failed', image: name, destination, error: summariseError(error), final: true })
          return undefined
        }
      }),
    ),
  )
  const whole = steps.filter((step) => step !== undefined)
  return whole.length === steps.length ? whole : undefined
}

/** True for an image that an earlier bundle holds whole: nothing of it is added. */
function isBrought({ contents }: Pick<PlanStep, 'contents'>, brought: ReadonlySet<string>): boolean {
  return [...contents.manifests.map(({ descriptor }) => descriptor), ...contents.blobs].every(({ digest }) => brought.has(digest))
}

/** What of an earlier bundle the images need. */
function needOf({ bundle, contents }: Omit<BundleBase, 'files'>, carried: readonly HeldContent[]): BundleBase {
  const needed = new Set(carried.map(({ digest }) => digest))
  return { bundle, contents: contents.filter(({ digest }) => needed.has(digest)) }
}

/** Arranges files for the images directory: each with what its platforms need of every image. */
async function arrangeImagesDir(bundles: BundleFiles['bundles'], steps: readonly BundleStep[]): Promise<readonly ArrangedBundle[]> {
  const roots = steps.map(({ destination: reference, root }) => ({ reference, ...root }))
  const contentsFor = (platforms: ImagesFile['platforms']): Promise<readonly StepContents[]> =>
    Promise.all(steps.map(async (step) => (platforms === undefined ? step.contents : contentsOfPlatforms(step, platforms))))
  return Promise.all(
    bundles.map(async ({ target, platforms }) => ({ target, contents: arrangeLayout(roots, await contentsFor(platforms)) })),
  )
}

/** Arranges a bundle, and makes its lock. */
function arrangeRecorded(
  { bundles, lock, before }: BundleFiles,
  { lists, releases }: Pick<ImageList, 'lists' | 'releases'>,
  steps: readonly BundleStep[],
  kit: GatheredKit | undefined,
) {
  const carried = carriedContents(steps.map(({ destination, contents }) => ({ source: destination, contents })))
  const record = {
    tool: userAgent,
    lists: lists.map(({ name, release, sha256: sum, images }) => ({
      name: release ?? name,
      ...(release !== undefined && { release }),
      sha256: sum,
      images,
    })),
    images: steps.map(({ source: from, destination: reference, root, platforms: own, digestPreserved }) => {
      const of = releases[formatReference(from)]
      return { reference, ...root, platforms: own, digestPreserved, ...(of && { releases: of }) }
    }),
    ...(kit && { files: kit.files }),
    ...(before && {
      base: { ...needOf(before, carried), ...(kit && kit.brought.length > 0 && { files: kit.brought }) },
    }),
  }
  const known = kit && knownFiles(kit.brought, record.files)
  const bundle = lock === undefined ? undefined : lockedBundle(sha256(formatBundleRecord(record)), carried, known)
  const contents = arrangeBundle(
    record,
    steps.map((step) => step.contents),
    kit && heldBytes(kit),
  )
  return { arranged: bundles.map(({ target }) => ({ target, contents })), bundle }
}

/** All that writing needs. */
interface Writing {
  readonly files: BundleFiles
  readonly list: Pick<ImageList, 'lists' | 'releases'>
  readonly steps: readonly BundleStep[]
  readonly sources: Pick<Sources, 'source' | 'client'>
  readonly kit: GatheredKit | undefined
  readonly run: RunContext
  readonly copyImages: CopyImages
  readonly options: CreateBundleOptions
}

async function write({ files, list, steps, sources: { source, client }, kit, run, copyImages, options }: Writing): Promise<void> {
  const { platforms, forImagesDir, splitSize, retry, blobJobs, signal } = options
  const named = [...new Map(steps.map((step) => [formatReference(step.destination), step])).values()]
  const { arranged, bundle: locked } =
    forImagesDir === true
      ? { arranged: await arrangeImagesDir(files.bundles, named), bundle: undefined }
      : arrangeRecorded(files, list, named, kit)
  const lock = locked && makeLock({ ...list, platforms, steps, bundle: locked })
  await using bundles = await BundleDestination.open(arranged, { splitSize, signal })
  const stepOf = new Map(steps.map((step) => [formatReference(step.source), step]))
  const route: Route<PlanStep> = {
    resolve: (image) => Promise.resolve(stepOf.get(formatReference(image.source)) as PlanStep),
    copier: contentCopier({ source, destination: bundles, ledger: new BlobLedger(), retry }),
  }
  const isWhole = await Promise.all([copyImages(route), kit === undefined || copyFiles(kit, client, bundles, { ...run, retry, blobJobs })])
  if (isWhole.includes(false)) return
  run.signal.throwIfAborted()
  // The lock comes first: it may name a bundle that is not there, and no bundle is there without its lock.
  if (files.lock !== undefined && lock !== undefined) await writeLock(files.lock, lock)
  await bundles.finish({ splitSize, signal })
}
