import pLimit from 'p-limit'
import type { RegistryEvents } from '../connect/clients.ts'
import type { DestinationOptions } from '../connect/destination.ts'
import { openPrunedDestination, type PrunedDestination } from '../connect/pruned-destination.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { chooseTags, tagsToDate } from '../prune/choose-tags.ts'
import { builtAt } from '../prune/image-age.ts'
import { readRepository, type StoredRepository } from '../prune/read-repository.ts'
import { interruptedRemoval, previewRemoval, type RepositoryOutcome, type TagOutcome, type TagStatus } from '../prune/removal-outcome.ts'
import { planRemoval, type RemovalPlan } from '../prune/removal-plan.ts'
import { ImageRemover } from '../prune/remove-images.ts'
import type { ImageSelection } from '../release/select-images.ts'
import { foldPruning, type PruneReport } from '../report/prune-report.ts'
import { checkOptions } from './check-options.ts'
import { coverRepositories, parsePatterns, type CoveredRepository } from './covered-repositories.ts'
import { selectListed } from './list-images.ts'
import { defaultJobs, readNaming, type BatchOptions, type RenameOptions } from './options.ts'
import { runSignal } from './start-run.ts'

/** Which images stay, where, and which others go. */
export interface PruneOptions extends Omit<ImageSelection, 'include' | 'exclude'>, RenameOptions, DestinationOptions, BatchOptions {
  readonly to: string
  /** Globs on repositories below the destination, `registry/repository` in a layout, in addition to those of the kept images. */
  readonly repositories?: readonly string[] | undefined
  /** Milliseconds: an image that was built later, or at an unknown time, stays. */
  readonly olderThan?: number | undefined
  /** Remove although the destination does not have every kept image. */
  readonly ignoreMissing?: boolean | undefined
  /** False removes; by default nothing is changed. */
  readonly dryRun?: boolean | undefined
}

/** What a removal reports while it works. */
export interface PruneEvents extends RegistryEvents {
  /** One more repository of so many is read. */
  readonly onRepository?: (progress: { readonly done: number; readonly repositories: number }) => void
  /** A tag was removed, skipped or could not be removed. */
  readonly onTag?: (tag: string, status: TagStatus) => void
}

/** Default tries after a failure. */
const defaultRetries = 3

/** The work of a run. */
interface PruneRun {
  readonly options: PruneOptions
  readonly events: PruneEvents
  readonly destination: PrunedDestination
  readonly kept: readonly Reference[]
  readonly signal: AbortSignal
}

/** A repository and what it holds, or why that could not be read. */
type ReadOutcome = CoveredRepository & ({ readonly stored: StoredRepository } | { readonly error: MirrorError })

/** Removes the tags that no kept image has from the repositories of the kept images and of `repositories`, and the manifests that no kept tag reaches. What could not be removed is in the report; what is thrown kept anything from being removed. */
export async function prune(options: PruneOptions, events: PruneEvents = {}): Promise<PruneReport> {
  checkOptions(options, ['to'])
  const startedAt = new Date().toISOString()
  const started = performance.now()
  const { dryRun = true, ignoreMissing = false, retry, to } = options
  const signal = runSignal(options.signal)
  const patterns = parsePatterns(options.repositories)
  const nameAt = await readNaming(options)
  const warnings: string[] = []
  const onWarning = (message: string): void => void warnings.push(message)
  const opened = { ...options, retry: { retries: defaultRetries, ...retry }, readOnly: dryRun }
  await using destination = await openPrunedDestination(opened, { ...events, onWarning }, { signal })
  const { include: _include, exclude: _exclude, ...selection }: PruneOptions & ImageSelection = options
  const list = await selectListed(destination.client, { ...selection, signal })
  const kept = list.images.map((image) => (isAtDestination(image, destination) ? image : nameAt(image, destination.naming)))
  const run: PruneRun = { options, events, destination, kept, signal }
  const { covered, warnings: unmatched } = await coverRepositories(kept, patterns, destination, { signal })
  const read = await readAll(covered, run)
  const missing = read.flatMap(missingOf)
  if (missing.length > 0) await destination.checkAccess(kept, { signal })
  if (missing.length > 0 && !dryRun && !ignoreMissing) throw refusal(missing, kept.length, to)
  const repositories = await removeAll(read, run)
  return foldPruning({
    startedAt,
    destination: to,
    dryRun,
    repositories,
    missing,
    requests: destination.requests().source,
    seconds: (performance.now() - started) / 1000,
    lists: list.lists,
    warnings: [...list.warnings, ...destination.warnings, ...unmatched, ...warnings],
    interrupted: signal.aborted,
  })
}

/** True for an image that is named as the destination names it. */
function isAtDestination({ registry, path }: Reference, { naming }: PrunedDestination): boolean {
  return registry === naming.registry && (naming.prefix === '' || path.startsWith(`${naming.prefix}/`))
}

const mostNamed = 3

function refusal(missing: readonly string[], images: number, to: string): MirrorError {
  const named = missing.slice(0, mostNamed).join(', ')
  const more = missing.length > mostNamed ? `, and ${missing.length - mostNamed} more` : ''
  return new MirrorError('NOT_FOUND', `nothing was removed: ${to} lacks ${missing.length} of the ${images} kept images: ${named}${more}`, {
    hint: 'mirror the kept release first, with the same options.rewrite and options.flatten; or pass options.ignoreMissing',
  })
}

/** Reads every repository. Throws what makes the destination as a whole unusable. */
async function readAll(
  covered: readonly CoveredRepository[],
  { options, events, destination, kept, signal }: PruneRun,
): Promise<readonly ReadOutcome[]> {
  const limit = pLimit(options.jobs ?? defaultJobs.registry)
  let done = 0
  const read = async (one: CoveredRepository): Promise<ReadOutcome> => {
    const { repository, kept: named } = one
    try {
      signal.throwIfAborted()
      const stored = await readRepository(destination.place, repository, { digests: [...named.digests, ...named.pinned], signal })
      return { ...one, stored }
    } catch (error) {
      if (!isMirrorError(error)) throw error
      await destination.checkAccess(kept, { signal })
      return { ...one, error }
    } finally {
      events.onRepository?.({ done: ++done, repositories: covered.length })
    }
  }
  return Promise.all(covered.map((one) => limit(() => read(one))))
}

/** The kept images that a repository does not have. */
function missingOf(one: ReadOutcome): readonly string[] {
  if ('error' in one) return []
  const { repository, kept, stored } = one
  const tags = [...kept.tags].filter((tag) => stored.tags.get(tag) === undefined).map((tag) => ({ ...repository, tag }))
  const digests = [...kept.digests].filter((digest) => !stored.manifests.has(digest)).map((digest) => ({ ...repository, digest }))
  return [...tags, ...digests].map(formatReference)
}

/** Plans and removes, repository by repository; a failure of one does not stop the others. */
async function removeAll(
  read: readonly ReadOutcome[],
  { options, events, destination, signal }: PruneRun,
): Promise<readonly RepositoryOutcome[]> {
  const { jobs = defaultJobs.registry, dryRun = true, olderThan } = options
  const { place } = destination
  const onTag = ({ registry, path }: Repository, { tag, status }: TagOutcome): void =>
    events.onTag?.(formatReference({ registry, path, tag }), status)
  const remover = new ImageRemover(place, { signal, onTag })
  const limit = pLimit(jobs)
  const plan = async ({ stored, kept }: CoveredRepository & { readonly stored: StoredRepository }): Promise<RemovalPlan> => {
    const spared = olderThan === undefined ? undefined : await sparedTags(stored, kept, olderThan, { place, signal })
    return planRemoval(place, chooseTags(stored, kept, spared), { signal })
  }
  const removeFrom = async (one: ReadOutcome): Promise<RepositoryOutcome> => {
    const failed = (error: MirrorError): RepositoryOutcome => ({
      repository: one.repository,
      tags: [],
      manifests: [],
      remaining: [],
      error,
    })
    if ('error' in one) return failed(one.error)
    try {
      signal.throwIfAborted()
      const planned = await plan(one)
      return dryRun ? previewRemoval(planned) : await remover.remove(planned)
    } catch (error) {
      if (isMirrorError(error)) return failed(error)
      // The images under way elsewhere come to their end.
      if (signal.aborted) return interruptedRemoval(one.stored)
      throw error
    }
  }
  return Promise.all(read.map((one) => limit(() => removeFrom(one))))
}

/** The tags that are too young to go, or whose age is unknown, with the reason. */
async function sparedTags(
  stored: StoredRepository,
  kept: CoveredRepository['kept'],
  olderThan: number,
  { place, signal }: Pick<PrunedDestination, 'place'> & { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  const before = Date.now() - olderThan
  const limit = pLimit(defaultJobs.registry)
  const spared = new Map<string, string>()
  const date = async ({ tag, digest }: ReturnType<typeof tagsToDate>[number]): Promise<void> => {
    const built = await builtAt(place, stored.repository, digest, { signal })
    if (built === undefined) spared.set(tag, 'the image does not state when it was built')
    else if (built > before) spared.set(tag, `built on ${new Date(built).toISOString().slice(0, 10)}`)
  }
  await Promise.all(tagsToDate(stored, kept).map((one) => limit(() => date(one))))
  return spared
}
