import { tryParseGoRegexp } from '../go/go-regexp.ts'

/** What rewrites make of a repository's path. */
export interface RewrittenRepository {
  readonly path: string
  /** The pattern that made it; undefined where none changed anything. */
  readonly pattern: string | undefined
  /** What other patterns would make of it: which of them comes first is random. */
  readonly alternatives: readonly string[]
  /** Patterns that are no regular expressions of Go's syntax and are passed over. */
  readonly invalid: readonly string[]
  /** The other patterns, where none of them changes the path. */
  readonly missed: readonly string[]
}

/** Rewrites a repository's path as K3s' containerd does, by the first pattern alone that changes it; the order is random there, and that of their text here. */
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
