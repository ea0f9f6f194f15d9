import pLimit from 'p-limit'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { ExistingRoot } from '../plan/existing-root.ts'
import type { PlanStep } from '../plan/plan.ts'
import type { BlobCopy, BlobHolder } from './copy-blob.ts'

/** How images are resolved ahead of their turn. */
export interface ResolveAheadOptions extends CallOptions {
  readonly images: readonly NamedImage[]
  readonly destination: Pick<ImageDestination, 'headBlob'>
  /** Asks the destination for the root of an image. */
  readonly lookUp: (image: NamedImage) => Promise<ExistingRoot | undefined>
  /** Resolves an image; `existing` gives an answer of `lookUp` that is known already. */
  readonly resolve: (image: NamedImage, existing?: () => Promise<ExistingRoot | undefined>) => Promise<PlanStep>
  /** True where the destination has a repository of this name. */
  readonly hasRepository: (repository: Repository) => Promise<boolean>
  /** Images at once. */
  readonly jobs: number
}

/**
 * Finds a repository to mount a blob from before it is uploaded. Where the destination lacks all images, nothing is known to be
 * there, no request is added, and no step outlives its turn: only a former repository of an image is asked for once, and tried.
 * Otherwise all images are resolved first, so that it does not depend on their order which of the repositories that need the blob is
 * found to have it.
 */
export class ResolveAhead {
  readonly #options: ResolveAheadOptions
  readonly #existing = new Map<NamedImage, Promise<ExistingRoot | undefined>>()
  /** Of images whose turn is still to come. */
  readonly #steps = new Map<NamedImage, Promise<PlanStep>>()
  readonly #begun = new Set<NamedImage>()
  readonly #former = new Map<string, Promise<boolean>>()
  readonly #resolving = new Set<Promise<unknown>>()
  /** The repositories that images of the run write each blob to, or may have it in from before; undefined once the destination turned out to lack all images. */
  #needs: Map<Digest, Map<string, Repository>> | undefined = new Map()
  #hasSome: Promise<boolean> | undefined
  #hasAll: Promise<void> | undefined

  constructor(options: ResolveAheadOptions) {
    this.#options = options
  }

  /** The step of an image whose turn has come; resolved anew at its second turn. */
  resolve(image: NamedImage): Promise<PlanStep> {
    if (this.#begun.has(image)) return this.#options.resolve(image)
    this.#begun.add(image)
    const step = this.#steps.get(image) ?? this.#resolveFirst(image)
    this.#steps.delete(image)
    return step
  }

  /** Another repository of the run that has the blob and needs it too, or the one where the image was formerly; that one is a guess where nothing was asked. */
  async findHolder({ descriptor, to, formerly }: Omit<BlobCopy, 'from'>): Promise<BlobHolder | undefined> {
    this.#hasSome ??= this.#lookUpAll()
    if (!(await this.#hasSome)) {
      return formerly !== undefined && (await this.#hasFormer(formerly)) ? { repository: formerly, isGuess: true } : undefined
    }
    this.#hasAll ??= this.#resolveAll()
    await this.#hasAll
    const others = new Map(this.#needs?.get(descriptor.digest))
    others.delete(formatRepository(to))
    const repository = await this.#firstWith(descriptor, [...others.values()])
    return repository && { repository, isGuess: false }
  }

  /** A mount takes the place of the look-up in the own repository, so it is tried only from where it can succeed. */
  #hasFormer(repository: Repository): Promise<boolean> {
    const name = formatRepository(repository)
    const known = this.#former.get(name) ?? this.#options.hasRepository(repository).catch(() => false)
    this.#former.set(name, known)
    return known
  }

  /** Asks several repositories at once: where none has the blob, its upload waits for the answers of all. */
  async #firstWith(blob: Descriptor, repositories: readonly Repository[]): Promise<Repository | undefined> {
    const { destination, jobs, signal } = this.#options
    const waiting = repositories.values()
    let holder: Repository | undefined
    const ask = async (): Promise<void> => {
      for (const repository of waiting) {
        if (holder !== undefined || signal?.aborted) return
        // A failed look-up leaves the blob to its upload, which fails with the reason.
        if (await destination.headBlob(repository, blob, { signal }).catch(() => false)) holder ??= repository
      }
    }
    await Promise.all(Array.from({ length: Math.min(jobs, repositories.length) }, ask))
    return holder
  }

  #lookUpOnce(image: NamedImage): Promise<ExistingRoot | undefined> {
    const known = this.#existing.get(image) ?? this.#options.lookUp(image)
    this.#existing.set(image, known)
    return known
  }

  #resolveFirst(image: NamedImage): Promise<PlanStep> {
    const step = this.#options.resolve(image, () => this.#lookUpOnce(image)).then((resolved) => this.#noteNeeds(resolved))
    const settled: Promise<unknown> = Promise.allSettled([step]).then(() => this.#resolving.delete(settled))
    this.#resolving.add(settled)
    return step
  }

  #noteNeeds(step: PlanStep): PlanStep {
    const { destination, formerly, contents } = step
    for (const { digest } of this.#needs === undefined ? [] : contents.blobs) {
      const places = this.#needs?.get(digest) ?? new Map<string, Repository>()
      this.#needs?.set(digest, places)
      for (const place of [destination, formerly ?? destination]) places.set(formatRepository(place), place)
    }
    return step
  }

  /** True where the destination has one of the images, in whatever version. */
  async #lookUpAll(): Promise<boolean> {
    const found = await Promise.allSettled(this.#options.images.map((image) => this.#lookUpOnce(image)))
    const hasSome = found.some((one) => one.status === 'fulfilled' && one.value !== undefined)
    if (!hasSome) this.#needs = undefined
    return hasSome
  }

  async #resolveAll(): Promise<void> {
    const limit = pLimit(this.#options.jobs)
    const waiting = this.#options.images.filter((image) => !this.#begun.has(image))
    await Promise.allSettled(
      waiting.map((image) =>
        limit(() => {
          // Its turn may have come by now.
          if (this.#begun.has(image)) return undefined
          const step = this.#resolveFirst(image)
          step.catch(() => undefined)
          this.#steps.set(image, step)
          return step
        }),
      ),
    )
    await Promise.all(this.#resolving)
  }
}
