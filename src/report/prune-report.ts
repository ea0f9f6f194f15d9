import { summariseError, type ErrorSummary } from '../copy/events.ts'
import type { MirrorError } from '../errors.ts'
import { formatRepository } from '../oci/reference.ts'
import type { RepositoryOutcome, TagOutcome, TagStatus } from '../prune/removal-outcome.ts'
import { reportHead, type ReportHead } from './report-head.ts'
import type { ListReport } from './report.ts'

/** One tag in a report. */
export interface PrunedTag {
  readonly tag: string
  /** Null for a tag without a manifest. */
  readonly digest: string | null
  readonly status: TagStatus
  /** Why a tag that no kept release names stays, or why only the tag goes. */
  readonly reason?: string
  readonly error?: ErrorSummary
}

/** One repository in a report. */
export interface PrunedRepository {
  /** At the destination: `host:5000/mirror/rancher/klipper-lb`. */
  readonly repository: string
  readonly tags: readonly PrunedTag[]
  /** Digests of the manifests that were removed, or would be. */
  readonly manifests: readonly string[]
  /** Manifests that no kept tag needs and that the destination did not delete. */
  readonly remaining: readonly { readonly digest: string; readonly error: ErrorSummary }[]
  /** Present where the repository could not be read: nothing was removed from it. */
  readonly error?: ErrorSummary
}

/** The sums over all repositories. */
export interface PruneTotals {
  readonly repositories: number
  readonly tags: number
  readonly removed: number
  readonly wouldRemove: number
  readonly kept: number
  readonly skipped: number
  /** Tags that could not be removed, repositories that could not be read, and manifests that could not be deleted. */
  readonly failed: number
  readonly manifests: number
  readonly requests: number
  readonly seconds: number
}

/** The document of `prune --output json`. */
export interface PruneReport extends ReportHead {
  readonly command: 'prune'
  /** As the user wrote it. */
  readonly destination: string
  readonly dryRun: boolean
  /** In the order of their names. */
  readonly repositories: readonly PrunedRepository[]
  /** Images that are kept and that the destination does not have, by their names there. */
  readonly missing: readonly string[]
  readonly totals: PruneTotals
  /** Empty where every kept image was named by its reference. */
  readonly lists: readonly ListReport[]
  readonly warnings: readonly string[]
  readonly interrupted: boolean
  /** Present where the destination deletes nothing at all. */
  readonly error?: ErrorSummary
}

/** The input of a report. */
export interface Pruning
  extends
    Pick<PruneReport, 'startedAt' | 'destination' | 'dryRun' | 'missing' | 'lists' | 'warnings' | 'interrupted'>,
    Pick<PruneTotals, 'requests' | 'seconds'> {
  readonly repositories: readonly RepositoryOutcome[]
}

/** What a reader needs of an error; all of them are the destination's. */
function summary(error: MirrorError): ErrorSummary {
  const { side: _side, ...known } = summariseError(error)
  return known
}

function prunedTag({ tag, digest, status, reason, error }: TagOutcome): PrunedTag {
  return {
    tag,
    digest: digest ?? null,
    status,
    ...(reason !== undefined && { reason }),
    ...(error !== undefined && { error: summary(error) }),
  }
}

function prunedRepository({ repository, tags, manifests, remaining, error }: RepositoryOutcome): PrunedRepository {
  return {
    repository: formatRepository(repository),
    tags: tags.map(prunedTag).toSorted((a, b) => (a.tag < b.tag ? -1 : 1)),
    manifests,
    remaining: remaining.map(({ digest, error: why }) => ({ digest, error: summary(why) })),
    ...(error !== undefined && { error: summary(error) }),
  }
}

/** False for a manifest that the destination still needs, or leaves to its garbage collection: its tags are gone. */
export function isFailedManifest({ error }: { readonly error: Pick<ErrorSummary, 'code'> }): boolean {
  return error.code !== 'UNSUPPORTED' && error.code !== 'DENIED'
}

/** The one reason for which nothing was deleted, as an error of the whole run. */
function refusalOf(repositories: readonly RepositoryOutcome[]): MirrorError | undefined {
  const tags = repositories.flatMap((repository) => repository.tags)
  const failed = tags.filter(({ status }) => status === 'failed')
  const isRefused = failed.every(({ error }) => error?.code === 'UNSUPPORTED') && tags.every(({ status }) => status !== 'removed')
  const error = isRefused ? failed[0]?.error : undefined
  return error?.with({
    message: `the destination refuses deletion: ${error.reason ?? error.message}`,
    subject: undefined,
    reason: undefined,
  })
}

/** The report on a whole run. */
export function foldPruning({ repositories: outcomes, requests, seconds, ...pruning }: Pruning): PruneReport {
  const tags = outcomes.flatMap((repository) => repository.tags)
  const count = (status: TagStatus): number => tags.filter((tag) => tag.status === status).length
  const remaining = outcomes.flatMap((repository) => repository.remaining)
  const refusal = refusalOf(outcomes)
  return {
    ...reportHead(pruning.startedAt),
    command: 'prune',
    destination: pruning.destination,
    dryRun: pruning.dryRun,
    repositories: outcomes.map(prunedRepository).toSorted((a, b) => (a.repository < b.repository ? -1 : 1)),
    missing: pruning.missing,
    totals: {
      repositories: outcomes.length,
      tags: tags.length,
      removed: count('removed'),
      wouldRemove: count('would-remove'),
      kept: count('kept'),
      skipped: count('skipped'),
      failed: count('failed') + remaining.filter(isFailedManifest).length + outcomes.filter(({ error }) => error !== undefined).length,
      manifests: outcomes.reduce((sum, { manifests }) => sum + manifests.length, 0),
      requests,
      seconds,
    },
    lists: pruning.lists,
    warnings: pruning.warnings,
    interrupted: pruning.interrupted,
    ...(refusal !== undefined && { error: summary(refusal) }),
  }
}
