import pLimit from 'p-limit'
import { readEarlierLock, writeLock } from '../bundle/bundle-lock.ts'
import { lockTarget } from '../bundle/bundle-target.ts'
import type { TransferOptions } from '../connect/clients.ts'
import { openSources, type SourceOptions, type Sources } from '../connect/sources.ts'
import { summariseError } from '../copy/events.ts'
import type { MirrorError } from '../errors.ts'
import { compareLocks } from '../lock/compare-locks.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { ReadOptions } from '../plan/read-root.ts'
import { readImage } from '../plan/resolve-image.ts'
import type { ImageSelection } from '../release/select-images.ts'
import type { LockFailure, LockReport } from '../report/lock-report.ts'
import { reportHead } from '../report/report-head.ts'
import { checkOptions } from './check-options.ts'
import { selectListed } from './list-images.ts'
import { makeLock, type LockedStep } from './make-lock.ts'
import { contentOptions, defaultJobs, type BatchOptions, type ContentOptions } from './options.ts'
import { runEnding, type RunEnding } from './run-ending.ts'
import { runSignal } from './start-run.ts'

/** Options of `lockImages`: which images, where from, and the file that they go into. */
export interface LockOptions extends Omit<ImageSelection, 'locked'>, SourceOptions, TransferOptions, ContentOptions, BatchOptions {
  /** With `platforms`: lock the original indexes, as `mirror` copies them with `sparse`. */
  readonly sparse?: boolean | undefined
  /** The lock file, which is replaced where it differs. */
  readonly out?: string | undefined
}

/** Reads every image of a selection, and writes down what it is; manifests are read, which Docker Hub counts as pulls. The file is written where every image was read. */
export async function lockImages(options: LockOptions): Promise<LockReport> {
  checkOptions(options)
  const startedAt = new Date().toISOString()
  const signal = runSignal(options.signal)
  const { out, foreignLayers, jobs = defaultJobs.registry } = options
  const { platforms, sparse } = contentOptions(options)
  const readOptions = { wanted: platforms?.map(parsePlatform), sparse, foreignLayers, signal }
  const target = await lockTarget(out)
  const earlier = target === undefined || out === undefined ? undefined : await readEarlierLock(target, out)
  await using sources = await openSources(options, {}, { signal })
  const { images, lists, releases, warnings } = await selectListed(sources.client, { ...options, signal })
  const named = images.map((image) => ({ source: image, destination: image }))
  const ending = runEnding({ source: sources.source }, named, signal)
  const { steps, failures, error } = await readAll(images, sources.source, { ...readOptions, jobs, ending })
  const lock = makeLock({ lists, releases, platforms, sparse, steps })
  const isWhole = failures.length === 0
  const written = isWhole && target !== undefined && (await writeLock(target, lock, earlier?.text))
  return {
    ...lock,
    ...reportHead(startedAt),
    command: 'lock',
    file: isWhole && out !== undefined ? out : null,
    written,
    changes: isWhole && earlier?.lock !== undefined ? compareLocks(earlier.lock, lock) : null,
    totals: { images: images.length, failed: failures.length, size: sizeOf(steps) },
    failures,
    warnings: [...warnings, ...sources.warnings, ...(earlier?.warnings ?? []), ...steps.flatMap(warningsOf)],
    ...(error !== undefined && { error: summariseError(error) }),
  }
}

type ReadStep = LockedStep & Pick<Awaited<ReturnType<typeof readImage>>, 'warnings'>

async function readAll(
  images: readonly Reference[],
  source: Sources['source'],
  { jobs, ending, ...options }: ReadOptions & { readonly jobs: number; readonly ending: RunEnding; readonly signal: AbortSignal },
): Promise<{ readonly steps: readonly ReadStep[]; readonly failures: readonly LockFailure[]; readonly error: MirrorError | undefined }> {
  const limit = pLimit(jobs)
  const failures: LockFailure[] = []
  let ended: MirrorError | undefined
  const read = async (image: Reference): Promise<ReadStep | undefined> => {
    try {
      if (ended !== undefined) throw ended
      return { source: image, ...(await readImage(source, image, options)) }
    } catch (error) {
      options.signal.throwIfAborted()
      ended ??= await ending(error)
      failures.push({ reference: formatReference(image), error: summariseError(ended ?? error) })
      return undefined
    }
  }
  const steps = await Promise.all(images.map((image) => limit(() => read(image))))
  return { steps: steps.filter((step) => step !== undefined), failures, error: ended }
}

function sizeOf(steps: readonly LockedStep[]): number {
  const sizes = new Map<string, number>()
  for (const { contents } of steps) {
    for (const { digest, size } of [...contents.blobs, ...contents.manifests.map(({ descriptor }) => descriptor)]) sizes.set(digest, size)
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

function warningsOf({ source, warnings = [] }: ReadStep): readonly string[] {
  return warnings.map((message) => `${formatReference(source)}: ${message}`)
}
