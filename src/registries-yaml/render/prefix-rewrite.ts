import { tryParseGoRegexp } from '../go/go-regexp.ts'

/** The effect of rewrites on names: a path before every name (empty for no change), or another change. */
export interface RewriteEffect {
  /** Without slashes around it; undefined for another change. */
  readonly prefix: string | undefined
  /** The valid patterns. */
  readonly patterns: readonly string[]
  /** The invalid patterns, which K3s' containerd ignores. */
  readonly invalid: readonly string[]
}

/** A pattern that matches every name as a whole, with or without a group. */
const whole = /^(?:\^|\\A)?(?:(?<group>\((?:\?P?<(?<name>\w+)>)?\.[*+]\))|\.[*+])(?:\$|\\z)?$/
/** A pattern that matches the start of every name. */
const beginning = /^(?:\^|\\A)$/
const plainPath = /^(?:[A-Za-z0-9._~-]+\/)*$/

/** The text before the whole name in a replacement; undefined for any other replacement. */
function before(pattern: string, replacement: string): string | undefined {
  if (beginning.test(pattern)) return replacement
  const groups = whole.exec(pattern)?.groups
  if (groups === undefined) return undefined
  const names = ['0', ...(groups['group'] === undefined ? [] : ['1']), ...(groups['name'] === undefined ? [] : [groups['name']])]
  const tail = names.flatMap((name) => [`$${name}`, `\${${name}}`]).find((reference) => replacement.endsWith(reference))
  return tail === undefined ? undefined : replacement.slice(0, -tail.length)
}

/** Determines whether a path in the endpoint has the same effect as the rewrites of a mirror. */
export function rewriteEffect(rewrites: ReadonlyMap<string, string>): RewriteEffect {
  const valid = [...rewrites].filter(([pattern]) => tryParseGoRegexp(pattern) !== undefined)
  const patterns = valid.map(([pattern]) => pattern)
  const invalid = [...rewrites.keys()].filter((pattern) => !patterns.includes(pattern))
  const [first, ...others] = valid
  // K3s' containerd tries several rewrites in random order, so no path has the same effect.
  if (first === undefined || others.length > 0) return { prefix: first === undefined ? '' : undefined, patterns, invalid }
  const path = before(...first)
  const isPath = path !== undefined && plainPath.test(path) && !path.split('/').some((part) => /^\.{1,2}$/.test(part))
  return { prefix: isPath ? path.replace(/\/$/, '') : undefined, patterns, invalid }
}
