import { tryParseGoRegexp } from '../go/go-regexp.ts'

/** A repository's path after the rewrites. */
export interface RewrittenRepository {
  readonly path: string
  /** The pattern that changed it; undefined for no change. */
  readonly pattern: string | undefined
  /** The results of other matching patterns: containerd picks one at random. */
  readonly alternatives: readonly string[]
  /** Invalid patterns, which containerd ignores. */
  readonly invalid: readonly string[]
  /** All valid patterns, if none of them changes the path. */
  readonly missed: readonly string[]
}

/** Rewrites a repository's path as K3s' containerd does, with only the first pattern that changes it. Its order is random there, and alphabetical here. */
export function rewriteRepository(path: string, rewrites: ReadonlyMap<string, string>): RewrittenRepository {
  const invalid: string[] = []
  const missed: string[] = []
  const results = new Map<string, string>()
  for (const [pattern, replacement] of [...rewrites].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const regexp = tryParseGoRegexp(pattern)
    if (regexp === undefined) {
      invalid.push(pattern)
      continue
    }
    const result = regexp.replaceAll(path, replacement)
    if (result === path) missed.push(pattern)
    else if (!results.has(result)) results.set(result, pattern)
  }
  const [first, ...others] = results
  const [result = path, pattern] = first ?? []
  const alternatives = others.map(([alternative]) => alternative)
  return { path: result, pattern, alternatives, invalid, missed: pattern === undefined ? missed : [] }
}
