import pLimit from 'p-limit'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatRepository, withoutPin, type Repository } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { PlanStep } from '../plan/plan.ts'

/** How images are resolved ahead of their turn. */
export interface ResolveAheadOptions extends CallOptions {
  readonly images: readonly NamedImage[]
  readonly destination: Pick<ImageDestination, 'headManifest' | 'headBlob'>
  /** Resolves an image, with a destination that remembers an answer. */
  readonly resolve: (image: NamedImage, destination: Pick<ImageDestination, 'headManifest'>) => Promise<PlanStep>
  /** Images at once. */
  readonly jobs: number
}

/**
 * Finds a repository to mount a blob from before it is uploaded. Where the destination lacks all images, nothing is known to be
 * there and no request is added. Otherwise all images are resolved first, so that it does not depend on their order which of the
 * repositories that need the blob is found to have it.
 */
export class ResolveAhead {
  readonly #options: ResolveAheadOptions
  readonly #existing = new Map<NamedImage, Promise<Descriptor | undefined>>()
  readonly #steps = new Map<NamedImage, Promise<PlanStep>>()
  readonly #begun = new Set<NamedImage>()
  #hasSome: Promise<boolean> | undefined
  #needs: Promise<ReadonlyMap<Digest, ReadonlyMap<string, Repository>>> | undefined

  constructor(options: ResolveAheadOptions) {
    this.#options = options
  }

  /** The step of an image whose turn has come; resolved anew at its second turn. */
  resolve(image: NamedImage): Promise<PlanStep> {
    if (!this.#begun.has(image)) {
      this.#begun.add(image)
      return this.#resolveOnce(image)
    }
    return this.#options.resolve(image, this.#options.destination)
  }

  /** Another repository of the run that has the blob and needs it too. */
  async findHolder(blob: Descriptor, repository: Repository): Promise<Repository | undefined> {
    const { destination, signal } = this.#options
    this.#hasSome ??= this.#lookUpAll()
    if (!(await this.#hasSome)) return undefined
    this.#needs ??= this.#resolveAll()
    const own = formatRepository(repository)
    for (const [name, other] of (await this.#needs).get(blob.digest) ?? []) {
      // A failed look-up leaves the blob to its upload, which fails with the reason.
      if (name !== own && (await destination.headBlob(other, blob, { signal }).catch(() => false))) return other
    }
    return undefined
  }

  #existingOnce(image: NamedImage): Promise<Descriptor | undefined> {
    const { destination, signal } = this.#options
    const known = this.#existing.get(image) ?? destination.headManifest(withoutPin(image.destination), { signal })
    this.#existing.set(image, known)
    return known
  }

  #resolveOnce(image: NamedImage): Promise<PlanStep> {
    const known = this.#steps.get(image) ?? this.#options.resolve(image, { headManifest: () => this.#existingOnce(image) })
    this.#steps.set(image, known)
    return known
  }

  /** True where the destination has one of the images, in whatever version. */
  async #lookUpAll(): Promise<boolean> {
    const found = await Promise.allSettled(this.#options.images.map((image) => this.#existingOnce(image)))
    return found.some((one) => one.status === 'fulfilled' && one.value !== undefined)
  }

  /** The repositories that images of the run write each blob to. */
  async #resolveAll(): Promise<ReadonlyMap<Digest, ReadonlyMap<string, Repository>>> {
    const limit = pLimit(this.#options.jobs)
    const steps = await Promise.allSettled(this.#options.images.map((image) => limit(() => this.#resolveOnce(image))))
    const needs = new Map<Digest, Map<string, Repository>>()
    for (const step of steps) {
      if (step.status === 'rejected') continue
      const { destination, contents } = step.value
      for (const { digest } of contents.blobs) {
        needs.set(digest, (needs.get(digest) ?? new Map()).set(formatRepository(destination), destination))
      }
    }
    return needs
  }
}
