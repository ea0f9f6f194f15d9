import type { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { TagChoice } from './choose-tags.ts'
import type { StoredRepository } from './read-repository.ts'
import type { RemovalPlan } from './removal-plan.ts'

/** What became of a tag. */
export type TagStatus = 'removed' | 'would-remove' | 'kept' | 'skipped' | 'failed'

/** A tag, what became of it, and why. */
export interface TagOutcome extends Pick<TagChoice, 'tag' | 'digest' | 'reason'> {
  readonly status: TagStatus
  readonly error?: MirrorError
}

/** A manifest that no kept tag needs and that the place did not delete. */
export interface RemainingManifest {
  readonly digest: Digest
  readonly error: MirrorError
}

/** What became of a repository. */
export interface RepositoryOutcome {
  readonly repository: Repository
  readonly tags: readonly TagOutcome[]
  /** Manifests that were removed, or would be: roots, what is below them, and what is about them. */
  readonly manifests: readonly Digest[]
  readonly remaining: readonly RemainingManifest[]
  /** Present where the repository could not be read: nothing was removed from it. */
  readonly error?: MirrorError
}

/** The outcome of a choice; its reason is the choice's own unless another is given. */
export function outcomeOf({ tag, digest, reason }: TagChoice, status: TagStatus, why: string | undefined = reason): TagOutcome {
  return { tag, ...(digest !== undefined && { digest }), status, ...(why !== undefined && { reason: why }) }
}

/** What a plan would remove. */
export function previewRemoval({ choice, images }: RemovalPlan): RepositoryOutcome {
  return {
    repository: choice.stored.repository,
    tags: choice.tags.map((tag) => outcomeOf(tag, tag.action === 'keep' ? 'kept' : 'would-remove')),
    manifests: [...new Set(images.flatMap(({ digest, below }) => [digest, ...below]))],
    remaining: [],
  }
}

/** The outcome for a repository that an abort came before. */
export function interruptedRemoval({ repository, tags }: StoredRepository): RepositoryOutcome {
  const skipped = [...tags].map(([tag, digest]): TagOutcome => ({
    tag,
    ...(digest !== undefined && { digest }),
    status: 'skipped',
    reason: 'interrupted',
  }))
  return { repository, tags: skipped, manifests: [], remaining: [] }
}
