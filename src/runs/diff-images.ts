import type { TransferOptions } from '../connect/clients.ts'
import { openSources, type Sources } from '../connect/sources.ts'
import { summariseError } from '../copy/events.ts'
import { MirrorError } from '../errors.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { pairImages, type ImagePair } from '../plan/pair-images.ts'
import { predictTransfer } from '../plan/predict-transfer.ts'
import { readComparedPlace } from '../release/compared-place.ts'
import type { ImageFilterOptions } from '../release/image-filter.ts'
import { foldDiff, type ComparedImage, type DiffSurvey, type DiffedSide, type DiffReport } from '../report/diff-report.ts'
import { redactUserinfo } from '../text/redact.ts'
import { checkOptions } from './check-options.ts'
import { comparePair, ImageComparison, type ImageToWrite, type SideImage } from './compare-images.ts'
import { areDifferentHosts, checkSelection, openSide, type DiffSide, type DiffSideOptions } from './diff-side.ts'
import { findHeld } from './find-held.ts'
import { pairRenamedImages, pairRenamedNames } from './find-renames.ts'
import { contentOptions, defaultJobs, readNaming, type ContentOptions } from './options.ts'
import { runSignal } from './start-run.ts'

/** Which two sides are compared, and how closely. */
export interface DiffOptions extends DiffSideOptions, TransferOptions, ContentOptions, ImageFilterOptions {
  /**
   * A release tag or channel, a list, lock file, bundle or archive by path, a list by URL, `-` for `stdin`, `oci:<directory>`, or
   * `[http://|https://]host[:port][/prefix]`; `release:`, `images:` or `registry:` before it says which of them it is.
   */
  readonly a: string
  readonly b: string
  /** With `platforms`: indexes are kept, as by a mirror with this option. */
  readonly sparse?: boolean | undefined
  /** Compare only the names in the lists, without a request to a registry. */
  readonly namesOnly?: boolean | undefined
}

/** The names of a side's images at the destination. */
type Keys = readonly Reference[]

/** Both sides, opened. */
interface OpenSides extends AsyncDisposable {
  readonly a: DiffSide
  readonly b: DiffSide
}

/** Compares what two sides name or hold, and predicts what moving from `a` to `b` transfers. Nothing is changed. Manifests are read, which Docker Hub counts as pulls. */
export async function diffImages(given: DiffOptions): Promise<DiffReport> {
  checkOptions(given, ['a', 'b'])
  const startedAt = new Date().toISOString()
  const signal = runSignal(given.signal)
  const options = { ...given, signal }
  const { foreignLayers, jobs = defaultJobs.registry, namesOnly = false } = options
  const chosenContents = contentOptions(options)
  await using sources = await openSources(options, {}, { signal })
  await using sides = await openSides(options, sources)
  const { a, b } = sides
  const { platforms, sparse } = chosenContents.platforms === undefined ? lockedContents(sides) : chosenContents
  const comparing = { wanted: platforms?.map(parsePlatform), sparse, foreignLayers, jobs, signal }
  const chosen = await chooseImages(sides, options)
  const pairs = pairImages(chosen.a, chosen.b, ({ key }) => key)
  const comparison = new ImageComparison(a, b, sources.source, comparing)
  const predicted = namesOnly
    ? { images: pairRenamedNames(pairs).map((pair) => comparePair(sides, pair)), warnings: [] }
    : await predict(comparison, await pairRenamedImages(pairs, sides, comparison), chosen.a)
  const describe = (side: DiffSide, name: 'a' | 'b'): DiffedSide => {
    const images = predicted.images.filter((image) => image[name] !== null).length
    return { given: redactUserinfo(options[name]), kind: side.kind, images, lists: side.lists }
  }
  return foldDiff({
    ...predicted,
    startedAt,
    a: describe(a, 'a'),
    b: describe(b, 'b'),
    pullsUsed: comparison.pulls,
    rateLimits: [...sources.source.rateLimits()].map(([registry, rateLimit]) => ({ registry, ...rateLimit })),
    warnings: [...new Set([...a.warnings, ...b.warnings, ...chosen.warnings, ...sources.warnings, ...predicted.warnings])],
    error: comparison.ended && summariseError(comparison.ended),
  })
}

/** What of each image the lock files choose. Throws USAGE where two of them differ: their digests are not those of one mirror. */
function lockedContents({ a, b }: OpenSides): ReturnType<typeof contentOptions> {
  const key = ({ contents }: DiffSide): string => JSON.stringify(contents)
  if (a.kind === 'lock' && b.kind === 'lock' && key(a) !== key(b)) {
    throw new MirrorError('USAGE', 'the lock files are for different platforms', {
      hint: 'pass options.platforms to compare these platforms of both',
    })
  }
  return a.contents ?? b.contents ?? {}
}

/** Opens the side with a list first, because a registry is asked for its images. */
async function openSides(options: DiffOptions, sources: Sources): Promise<OpenSides> {
  const [placeA, placeB] = [await readComparedPlace(options.a), await readComparedPlace(options.b)]
  checkSelection(placeA, placeB, options)
  if (options.namesOnly === true && (placeA.kind === 'registry' || placeB.kind === 'registry')) {
    throw new MirrorError('USAGE', 'options.namesOnly compares lists: a registry has no list', { hint: 'remove options.namesOnly' })
  }
  // Those of the environment are for one registry.
  const own = areDifferentHosts(placeA, placeB) ? { destinationCredentials: undefined } : {}
  const context = { options: { ...options, ...own }, sources, nameAt: await readNaming(options), events: {} }
  const open = {
    a: (keys?: Keys) => openSide(options.a, placeA, context, keys),
    b: (keys?: Keys) => openSide(options.b, placeB, context, keys),
  }
  const [first, second] = placeA.kind === 'registry' && placeB.kind !== 'registry' ? (['b', 'a'] as const) : (['a', 'b'] as const)
  const one = await open[first]()
  try {
    const other = await open[second](one.images.map((image) => one.keyOf(image)))
    return {
      a: first === 'a' ? one : other,
      b: first === 'a' ? other : one,
      async [Symbol.asyncDispose]() {
        await other[Symbol.asyncDispose]()
        await one[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await one[Symbol.asyncDispose]()
    throw error
  }
}

/** The images of both sides that globs leave, each by its name at the destination. */
async function chooseImages(
  { a, b }: OpenSides,
  { include = [], exclude = [], signal }: DiffOptions,
): Promise<{ readonly a: readonly SideImage[]; readonly b: readonly SideImage[]; readonly warnings: readonly string[] }> {
  const all = (side: DiffSide): readonly SideImage[] => side.images.map((reference) => ({ reference, key: side.keyOf(reference) }))
  const [ofA, ofB] = [all(a), all(b)]
  if (include.length + exclude.length === 0) return { a: ofA, b: ofB, warnings: [] }
  const { imageFilter } = await import('../release/image-filter.ts')
  const both = [...ofA, ...ofB].map(({ reference }) => reference)
  const { images, warnings } = await imageFilter({ include, exclude })(both, signal)
  if (images.length === 0) {
    throw new MirrorError('USAGE', `no images are left: options.include and options.exclude drop all ${both.length}`, {
      hint: 'write globs for registry/repository:tag, such as docker.io/rancher/mirrored-pause:*',
    })
  }
  const kept = new Set(images.map(formatReference))
  const filter = (some: readonly SideImage[]): readonly SideImage[] => some.filter(({ reference }) => kept.has(formatReference(reference)))
  return { a: filter(ofA), b: filter(ofB), warnings }
}

/** Compares the pairs, and predicts the transfer of those that are written. */
async function predict(
  comparison: ImageComparison,
  pairs: readonly ImagePair<SideImage>[],
  imagesOfA: readonly SideImage[],
): Promise<Pick<DiffSurvey, 'images' | 'transfer' | 'warnings'>> {
  const outcomes = await comparison.compare(pairs)
  const held = await findHeld(
    comparison,
    outcomes.flatMap(({ write }) => write ?? []),
    imagesOfA,
  )
  const positions = new Map<ImageToWrite, number>()
  const images = outcomes.map(({ write, warnings: _warnings, ...image }): ComparedImage => {
    const error = write && held.errors.get(write)
    if (write === undefined || held.isPresent(write)) return image
    positions.set(write, positions.size)
    return { ...image, written: positions.size - 1, ...(error !== undefined && { error }) }
  })
  return {
    images,
    transfer: predictTransfer([...positions.keys()], held.holds),
    warnings: [...outcomes.flatMap(({ warnings = [] }) => warnings), ...held.warnings],
  }
}
