import pLimit from 'p-limit'
import { isTransient } from '../async/retry.ts'
import { isMirrorError, type MirrorError } from '../errors.ts'
import { formatReference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { PlanStep, ResolvedStep } from '../plan/plan.ts'
import { summariseError } from './events.ts'
import type { CopyOptions, ImageCopier } from './image-copier.ts'

/** Options of a run over images. */
export interface RunOptions<Step extends ResolvedStep = PlanStep> extends CopyOptions {
  readonly images: readonly NamedImage[]
  /** Resolves one image to its step; called just before the image is copied, so that no image waits for the others' plans. */
  readonly resolve: (image: NamedImage) => Promise<Step>
  readonly copier: ImageCopier<Step>
  /** Images at once. */
  readonly jobs: number
  /** Whether images whose failure may pass are tried again at the end; default 2. */
  readonly rounds?: 1 | 2 | undefined
  /** Called with each failure before it is reported, which an abort of the signal prevents. */
  readonly onFailure?: ((failure: unknown) => Promise<void>) | undefined
  /** Copy images whose root is present too. */
  readonly recheck?: boolean | undefined
}

/** HTTP status of a conflict with another writer, which may have ended by then. */
const conflict = 409

/** Errors of a file system that stay until someone does something about them. */
const lastingFaults: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR'])

/** A definite answer stays the same in a second round; transient and unexpected failures get one. */
function deservesSecondRound(error: unknown): boolean {
  if (isTransient(error) || !isMirrorError(error)) return true
  const { status, code } = (error.cause ?? {}) as { readonly status?: unknown; readonly code?: unknown }
  if (error.code === 'INTEGRITY') return error.side === 'destination'
  if (error.code === 'PROTOCOL') return status === undefined || status === conflict
  return error.code === 'LOCAL_IO' && !lastingFaults.has(code)
}

/** True where no further image can be written either. */
function isDiskFull(error: unknown): error is MirrorError {
  if (!isMirrorError(error)) return false
  const { code } = (error.cause ?? {}) as { readonly code?: unknown }
  // A quota names what it refused; a full disk refuses everything.
  return (
    (error.code === 'NO_SPACE' && error.subject === undefined) || (error.code === 'LOCAL_IO' && (code === 'ENOSPC' || code === 'EDQUOT'))
  )
}

function contentsSize({ contents }: ResolvedStep): number {
  const sum = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((total, { size }) => total + size, 0)
  return sum(contents.blobs) + sum(contents.manifests.map(({ descriptor }) => descriptor))
}

/** Plans and copies every image, `jobs` at once, then retries those that failed. A failure does not stop other images; an abort rejects with the signal's reason. */
export async function runImages<Step extends ResolvedStep>(options: RunOptions<Step>): Promise<void> {
  const { rounds = 2 } = options
  const stops: Stops = {}
  const failed = await round(options, stops, options.images, 1)
  options.signal?.throwIfAborted()
  if (failed.length > 0 && rounds === 2) await round(options, stops, failed, 2)
  options.signal?.throwIfAborted()
}

/** What keeps every further image from being written. */
interface Stops {
  locked?: MirrorError
  full?: MirrorError
}

async function round<Step extends ResolvedStep>(
  options: RunOptions<Step>,
  stops: Stops,
  images: readonly NamedImage[],
  number: 1 | 2,
): Promise<NamedImage[]> {
  const { signal, rounds = 2, onFailure } = options
  const limit = pLimit(options.jobs)
  const again: NamedImage[] = []
  const one = async (image: NamedImage): Promise<void> => {
    if (signal?.aborted) return
    try {
      if (stops.locked !== undefined) throw stops.locked
      await runImage(options, stops, image, number)
    } catch (error) {
      if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED') stops.locked = error
      if (isDiskFull(error)) stops.full ??= error
      if (!signal?.aborted) await onFailure?.(error)
      if (signal?.aborted) return
      const final = number === rounds || !deservesSecondRound(error)
      if (!final) again.push(image)
      options.emit({ type: 'image-failed', ...namesOf(image), error: summariseError(error), final })
    }
  }
  await Promise.all(images.map((image) => limit(() => one(image))))
  return again
}

function namesOf(image: NamedImage): { readonly image: string; readonly destination: string } {
  return { image: formatReference(image.source), destination: formatReference(image.destination) }
}

async function runImage<Step extends ResolvedStep>(
  options: RunOptions<Step>,
  stops: Stops,
  image: NamedImage,
  number: 1 | 2,
): Promise<void> {
  const { emit, signal } = options
  const names = namesOf(image)
  const step = await options.resolve(image)
  const { root, state, previous, platforms, digestPreserved, contents } = step
  emit({
    type: 'image-planned',
    ...names,
    ...(root !== undefined && { digest: root.digest }),
    state,
    ...(previous !== undefined && { previousDigest: previous }),
    platforms,
    digestPreserved,
    blobs: contents.blobs.length,
    size: contentsSize(step),
  })
  if (state === 'skipped' && previous !== undefined && root !== undefined) {
    emit({ type: 'image-skipped', ...names, digest: root.digest, previousDigest: previous })
    return
  }
  const existing = step.standsFor ?? root
  if (state === 'present' && existing !== undefined && options.recheck !== true) {
    emit({ type: 'image-up-to-date', ...names, digest: existing.digest })
    return
  }
  if (stops.full !== undefined) throw stops.full
  emit({ type: 'image-started', image: names.image, round: number })
  const { hasWritten, stored } = await options.copier.copy(step, { emit, signal })
  for (const message of step.warnings ?? []) emit({ type: 'warning', image: names.image, message })
  if (!hasWritten) emit({ type: 'image-up-to-date', ...names, ...stored })
  else
    emit({
      type: 'image-copied',
      ...names,
      ...stored,
      ...(previous !== undefined && previous !== stored.digest && { previousDigest: previous }),
    })
}
