import pLimit from 'p-limit'
import { graceAfter } from '../async/on-abort.ts'
import { isMirrorError, type MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { atDigest, type Repository } from '../oci/reference.ts'
import type { TagChoice } from './choose-tags.ts'
import type { PrunedPlace } from './pruned-place.ts'
import { reachedFrom } from './read-repository.ts'
import { outcomeOf, type RemainingManifest, type RepositoryOutcome, type TagOutcome } from './removal-outcome.ts'
import type { RemovalPlan, RemovedImage } from './removal-plan.ts'

/** Images of a repository that are removed at once. */
const removalsAtOnce = 8

/** Milliseconds in which an image that is being removed may come to its end after an abort: no tag leads to what is left of it. */
const removalGrace = 3000

/** How images are removed. */
export interface RemovalOptions extends CallOptions {
  readonly onTag?: ((repository: Repository, outcome: TagOutcome) => void) | undefined
}

/** The work on one repository. */
interface RepositoryWork {
  readonly plan: RemovalPlan
  readonly repository: Repository
  readonly signal: AbortSignal | undefined
  readonly manifests: Set<Digest>
  readonly remaining: RemainingManifest[]
}

/** Removes images from one place: of each first its tags, then its manifests. */
export class ImageRemover {
  readonly #place: PrunedPlace
  readonly #options: RemovalOptions
  /** False once the place has refused to delete a tag. */
  #removesTags = true

  constructor(place: PrunedPlace, options: RemovalOptions = {}) {
    this.#place = place
    this.#options = options
  }

  get #isInterrupted(): boolean {
    return this.#options.signal?.aborted === true
  }

  /** Carries out a plan. What could not be removed is in the outcome; after an abort no further image is begun. */
  async remove(plan: RemovalPlan): Promise<RepositoryOutcome> {
    using grace = graceAfter(this.#options.signal, removalGrace)
    const { choice, images } = plan
    const { repository } = choice.stored
    const work: RepositoryWork = { plan, repository, signal: grace.signal, manifests: new Set(), remaining: [] }
    const limit = pLimit(removalsAtOnce)
    const outcomes = new Map<string, TagOutcome>()
    const settle = (settled: readonly TagOutcome[]): void => {
      for (const outcome of settled) {
        outcomes.set(outcome.tag, outcome)
        this.#options.onTag?.(repository, outcome)
      }
    }
    const only = choice.tags.filter(({ action }) => action === 'untag')
    await Promise.all(images.map((image) => limit(async () => settle(await this.#removeImage(image, work)))))
    await Promise.all(only.map((tag) => limit(async () => settle([await this.#removeOnlyTag(tag, work)]))))
    await this.#removeBelow(images, work)
    const tags = choice.tags.map((tag) => outcomes.get(tag.tag) ?? outcomeOf(tag, 'kept'))
    return { repository, tags, manifests: [...work.manifests], remaining: work.remaining }
  }

  async #removeImage({ digest, tags }: RemovedImage, work: RepositoryWork): Promise<readonly TagOutcome[]> {
    const removed = new Set<TagChoice>()
    const remove = async (): Promise<void> => {
      for (const tag of tags) if (await this.#removeTag(tag, work)) removed.add(tag)
      const error = await this.#removeManifest(digest, work)
      if (error !== undefined && removed.size < tags.length) throw error
      if (error !== undefined) work.remaining.push({ digest, error })
      else for (const tag of tags) removed.add(tag)
    }
    const failed = await this.#attempt(remove)
    return tags.map((tag) => (failed === undefined || removed.has(tag) ? outcomeOf(tag, 'removed') : failed(tag)))
  }

  /** Removes a tag whose manifest stays; it is skipped where the place deletes only manifests. */
  async #removeOnlyTag(choice: TagChoice, work: RepositoryWork): Promise<TagOutcome> {
    const { digest, reason } = choice
    let isRemoved = false
    const failed = await this.#attempt(async () => {
      const manifest =
        digest === undefined ? undefined : await this.#place.getManifest(atDigest(work.repository, digest), { signal: work.signal })
      isRemoved = await this.#removeTag(choice, work)
      if (isRemoved && manifest !== undefined) await this.#restore(manifest, work)
    })
    if (failed !== undefined) return failed(choice)
    return isRemoved ? outcomeOf(choice, 'removed') : outcomeOf(choice, 'skipped', `${reason}, and this registry deletes only manifests`)
  }

  /** Stores a manifest that is needed again where the registry has deleted it with the tag. */
  async #restore(manifest: Manifest, { plan, repository, signal }: RepositoryWork): Promise<void> {
    const { digest } = manifest.descriptor
    if ((await this.#place.headManifest(atDigest(repository, digest), { signal })) !== undefined) return
    this.#removesTags = false
    const { registry, path } = repository
    const kept = plan.choice.tags.filter((tag) => tag.action === 'keep' && tag.digest === digest)
    await this.#place.putManifest(atDigest(repository, digest), manifest, { signal })
    for (const { tag } of kept) await this.#place.putManifest({ registry, path, tag }, manifest, { signal })
  }

  /** Does something unless the run was aborted; gives how it failed, for each tag. */
  async #attempt(work: () => Promise<void>): Promise<((tag: TagChoice) => TagOutcome) | undefined> {
    const interrupted = (tag: TagChoice): TagOutcome => outcomeOf(tag, 'skipped', 'interrupted')
    if (this.#isInterrupted) return interrupted
    try {
      await work()
      return undefined
    } catch (error) {
      if (isMirrorError(error)) return (tag) => ({ ...outcomeOf(tag, 'failed'), error })
      if (this.#isInterrupted) return interrupted
      throw error
    }
  }

  async #removeTag({ tag }: TagChoice, { repository: { registry, path }, signal }: RepositoryWork): Promise<boolean> {
    if (!this.#removesTags) return false
    const isRemoved = await this.#place.removeTag({ registry, path, tag }, { signal })
    if (!isRemoved) this.#removesTags = false
    return isRemoved
  }

  /** Deletes a manifest; gives why the place did not. */
  async #removeManifest(digest: Digest, { repository, signal, manifests }: RepositoryWork): Promise<MirrorError | undefined> {
    try {
      await this.#place.removeManifest(repository, digest, { signal })
      manifests.add(digest)
      return undefined
    } catch (error) {
      if (isMirrorError(error)) return error
      throw error
    }
  }

  /** Deletes what the removed images leave behind, and nothing that an image which is still there reaches. */
  async #removeBelow(images: readonly RemovedImage[], work: RepositoryWork): Promise<void> {
    const { plan, manifests, remaining } = work
    const { stored, needed } = plan.choice
    const isGone = ({ digest }: RemovedImage): boolean => manifests.has(digest)
    const left = reachedFrom(
      stored,
      images.filter((image) => !isGone(image)).map(({ digest }) => digest),
    )
    const begun = new Set<Digest>()
    const limit = pLimit(removalsAtOnce)
    const removeAll = async ({ below }: RemovedImage): Promise<void> => {
      for (const digest of below) {
        if (begun.has(digest) || manifests.has(digest) || needed.has(digest) || left.has(digest)) continue
        begun.add(digest)
        const error = await this.#removeManifest(digest, work)
        if (error !== undefined) remaining.push({ digest, error })
      }
    }
    try {
      await Promise.all(images.filter(isGone).map((image) => limit(() => removeAll(image))))
    } catch (error) {
      if (!this.#isInterrupted) throw error
    }
  }
}
