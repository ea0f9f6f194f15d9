import type { PrunedDestination } from '../connect/pruned-destination.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatRepository, isRepositoryPath, type Reference, type Repository } from '../oci/reference.ts'
import type { KeptNames } from '../prune/choose-tags.ts'
import { compileGlob } from '../release/image-filter.ts'

/** A repository that may lose tags, and what of it stays. */
export interface CoveredRepository {
  readonly repository: Repository
  readonly kept: KeptNames
}

/** What is named of a repository so far. */
interface NamedRepository {
  readonly repository: Repository
  readonly kept: { readonly tags: Set<string>; readonly digests: Set<Digest>; readonly pinned: Set<Digest> }
}

/** A pattern of repositories below the destination's prefix. */
interface RepositoryPattern {
  readonly text: string
  /** Present for a name without wildcards, which needs no list of all repositories. */
  readonly name?: string
  readonly matches: (name: string) => boolean
}

/** Compiles the patterns of `options.repositories`. Throws USAGE. */
export function parsePatterns(texts: readonly string[] = []): readonly RepositoryPattern[] {
  return texts.map((text) => {
    try {
      return { text, matches: compileGlob(text), ...(isRepositoryPath(text) && { name: text }) }
    } catch (cause) {
      const shown = JSON.stringify(text.slice(0, 200))
      throw new MirrorError('USAGE', `options.repositories ${shown} is not a glob: ${(cause as Error).message}`, { cause })
    }
  })
}

/** The repositories of the kept images, and those below the destination that a pattern names; warns of patterns without a match. */
export async function coverRepositories(
  images: readonly Reference[],
  patterns: readonly RepositoryPattern[],
  { place, naming, isLayout }: Pick<PrunedDestination, 'place' | 'naming' | 'isLayout'>,
  options: CallOptions,
): Promise<{ readonly covered: readonly CoveredRepository[]; readonly warnings: readonly string[] }> {
  const covered = new Map<string, NamedRepository>()
  const cover = ({ registry, path }: Repository): NamedRepository => {
    const repository = { registry, path }
    const key = formatRepository(repository)
    const found = covered.get(key) ?? { repository, kept: { tags: new Set(), digests: new Set(), pinned: new Set() } }
    covered.set(key, found)
    return found
  }
  for (const { tag, digest, ...repository } of images) {
    const { kept } = cover(repository)
    if (tag !== undefined) kept.tags.add(tag)
    if (digest !== undefined) (tag === undefined ? kept.digests : kept.pinned).add(digest)
  }
  const { registry = '', prefix } = naming
  const below = prefix === '' ? '' : `${prefix}/`
  const isListed = isLayout || patterns.some(({ name }) => name === undefined)
  const listed = isListed && patterns.length > 0 ? await listAll(place, options) : []
  const warnings: string[] = []
  for (const { text, name, matches } of patterns) {
    if (name !== undefined && !isLayout) {
      cover({ registry, path: `${below}${name}` })
      continue
    }
    const nameOf = (repository: Repository): string => (isLayout ? formatRepository(repository) : repository.path.slice(below.length))
    const found = listed.filter((repository) => repository.path.startsWith(below) && matches(nameOf(repository)))
    if (found.length === 0) warnings.push(`options.repositories ${JSON.stringify(text)} matches no repository`)
    for (const repository of found) cover(repository)
  }
  return { covered: [...covered.values()], warnings }
}

async function listAll(place: PrunedDestination['place'], options: CallOptions): Promise<readonly Repository[]> {
  try {
    return await place.listRepositories(options)
  } catch (error) {
    if (!isMirrorError(error)) throw error
    throw error.with({ hint: 'name each repository with options.repositories <name>, without wildcards' })
  }
}
