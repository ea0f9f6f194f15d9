import pLimit from 'p-limit'
import type { RegistryEvents } from '../connect/clients.ts'
import { summariseError } from '../copy/events.ts'
import type { MirrorError } from '../errors.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { ShardedImages } from '../plan/shard-images.ts'
import type { Shard } from '../plan/shard.ts'
import type { ImageSelection } from '../release/select-images.ts'
import { foldVerification, verifiedImage, type NamedVerdict, type VerifiedImage, type VerifyReport } from '../report/verify-report.ts'
import type { VerdictStatus } from '../verify/image-verdict.ts'
import { failedVerdict, verifyImage } from '../verify/verify-image.ts'
import { checkOptions } from './check-options.ts'
import { ImageFinder, type SearchOptions } from './find-image.ts'
import { openLock, selectListed } from './list-images.ts'
import { defaultJobs, type BatchOptions } from './options.ts'
import { runSignal } from './start-run.ts'

/** Which images, where they are looked for, and how closely. */
export interface VerifyOptions extends ImageSelection, SearchOptions, BatchOptions {
  /** Read and hash every blob. */
  readonly deep?: boolean | undefined
  /** Only this part of the images, by their names at the destination, or at their sources without one. */
  readonly shard?: Shard | undefined
}

/** What a verification reports while it works. */
export interface VerifyEvents extends RegistryEvents {
  /** One more image of so many is done. */
  readonly onImage?: (image: VerifiedImage, progress: { readonly done: number; readonly images: number }) => void
}

/** Statuses of an image of which nothing was found: the registry may be the reason. */
const nothingFound: ReadonlySet<VerdictStatus> = new Set(['missing', 'refused', 'unreachable', 'damaged'])

/** One part of the images, by the repositories at the destination, or at the sources without one. */
async function shardOf(images: readonly Reference[], finder: ImageFinder, shard: Shard): Promise<ShardedImages> {
  const { shardImages } = await import('../plan/shard-images.ts')
  return shardImages(
    images.map((source) => ({ source, destination: finder.nameOf(source) ?? source })),
    shard,
  )
}

/** Looks whether every image is where it ought to be, and whole. What is wrong with one is in the report; what is thrown ended the work. */
export async function verify(options: VerifyOptions, events: VerifyEvents = {}): Promise<VerifyReport> {
  checkOptions(options)
  const started = performance.now()
  const startedAt = new Date().toISOString()
  const stop = new AbortController()
  const signal = runSignal(stop.signal, options.signal)
  const { to, registries, asNode = false, deep = false, foreignLayers, jobs = defaultJobs.registry } = options
  const lock = await openLock(options, { isCheck: true })
  const wanted = (lock?.contents ?? options).platforms?.map(parsePlatform)
  await using finder = await ImageFinder.open({ ...options, wanted, lock, signal }, events)
  const list = await selectListed(finder.client, { ...options, signal }, lock)
  const pulled = await finder.pulledFor(list.images)
  const part = options.shard && (await shardOf(pulled, finder, options.shard))
  const sought = part?.images.map(({ source }) => source) ?? pulled
  const limit = pLimit(jobs)
  let done = 0
  let ended: MirrorError | undefined
  const check = async (image: Reference): Promise<NamedVerdict> => {
    signal.throwIfAborted()
    const { sought: at, destination, asked } = await finder.find(image)
    let verdict = ended === undefined ? await verifyImage(at, { wanted, foreignLayers, deep, signal }) : failedVerdict(at, ended)
    if (ended === undefined && nothingFound.has(verdict.status)) ended = await finder.whyUnusable(sought)
    if (ended !== undefined && nothingFound.has(verdict.status)) verdict = failedVerdict(at, ended)
    const named = { reference: formatReference(image), destination, asked, verdict }
    events.onImage?.(verifiedImage(named), { done: ++done, images: sought.length })
    return named
  }
  try {
    const images = await Promise.all(sought.map((image) => limit(() => check(image))))
    return foldVerification({
      startedAt,
      destination: to,
      registries,
      asNode,
      deep,
      images,
      requests: finder.requests,
      seconds: Math.round(performance.now() - started) / 1000,
      lists: list.lists,
      warnings: [...list.warnings, ...finder.warnings],
      shard: part?.shard,
      error: ended && summariseError(ended),
    })
  } finally {
    // An image that ended the verification also stops the others.
    stop.abort(new DOMException('the verification has ended', 'AbortError'))
  }
}
