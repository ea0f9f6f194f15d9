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
  /** Copy images whose root is present too. */
  readonly recheck?: boolean | undefined
}

/** A definite answer stays the same in a second round; transient and unexpected failures get one. */
function deservesSecondRound(error: unknown): boolean {
  if (isTransient(error) || !isMirrorError(error)) return true
  if (error.code === 'INTEGRITY') return error.side === 'destination'
  return error.code === 'PROTOCOL' || error.code === 'LOCAL_IO'
}

function contentsSize({ contents }: ResolvedStep): number {
  const sum = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((total, { size }) => total + size, 0)
  return sum(contents.blobs) + sum(contents.manifests.map(({ descriptor }) => descriptor))
}

/** Plans and copies every image, `jobs` at once, then retries those that failed. A failure does not stop other images; an abort rejects with the signal's reason. */
export async function runImages<Step extends ResolvedStep>(options: RunOptions<Step>): Promise<void> {
  const failed = await round(options, options.images, 1)
  options.signal?.throwIfAborted()
  if (failed.length > 0) await round(options, failed, 2)
  options.signal?.throwIfAborted()
}

async function round<Step extends ResolvedStep>(
  options: RunOptions<Step>,
  images: readonly NamedImage[],
  number: 1 | 2,
): Promise<NamedImage[]> {
  const limit = pLimit(options.jobs)
  const again: NamedImage[] = []
  let locked: MirrorError | undefined
  const one = async (image: NamedImage): Promise<void> => {
    if (options.signal?.aborted) return
    try {
      if (locked !== undefined) throw locked
      await runImage(options, image, number)
    } catch (error) {
      if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED') locked = error
      if (options.signal?.aborted) return
      const final = number === 2 || !deservesSecondRound(error)
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

async function runImage<Step extends ResolvedStep>(options: RunOptions<Step>, image: NamedImage, number: 1 | 2): Promise<void> {
  const { emit, signal } = options
  const names = namesOf(image)
  const step = await options.resolve(image)
  const { root, state, platforms, digestPreserved, contents } = step
  emit({
    type: 'image-planned',
    ...names,
    ...(root !== undefined && { digest: root.digest }),
    state,
    platforms,
    digestPreserved,
    blobs: contents.blobs.length,
    size: contentsSize(step),
  })
  const existing = step.standsFor ?? root
  if (state === 'present' && existing !== undefined && options.recheck !== true) {
    emit({ type: 'image-up-to-date', ...names, digest: existing.digest })
    return
  }
  emit({ type: 'image-started', image: names.image, round: number })
  const { hasWritten, stored } = await options.copier.copy(step, { emit, signal })
  for (const message of step.warnings ?? []) emit({ type: 'warning', image: names.image, message })
  emit({ type: hasWritten ? 'image-copied' : 'image-up-to-date', ...names, ...stored })
}
