import { tryParseGoRegexp } from '../go/go-regexp.ts'

/** What rewrites do to names: put a path before every one of them (empty: change nothing), or anything else. */
export interface RewriteEffect {
  /** Without slashes around it; undefined where the rewrites do something else. */
  readonly prefix: string | undefined
  /** The patterns that take effect. */
  readonly patterns: readonly string[]
  /** Those that K3s' containerd passes over, because they are no regular expressions of Go. */
  readonly invalid: readonly string[]
}

/** A pattern that matches every name as a whole, its group perhaps named. */
const whole = /^(?:\^|\\A)?(?:(?<group>\((?:\?P?<(?<name>\w+)>)?\.[*+]\))|\.[*+])(?:\$|\\z)?$/
/** A pattern that matches where names begin. */
const beginning = /^(?:\^|\\A)$/
const plainPath = /^(?:[A-Za-z0-9._~-]+\/)*$/

/** What stands before the whole name in a replacement; undefined where it is anything but that. */
function before(pattern: string, replacement: string): string | undefined {
  if (beginning.test(pattern)) return replacement
  const groups = whole.exec(pattern)?.groups
  if (groups === undefined) return undefined
  const names = ['0', ...(groups['group'] === undefined ? [] : ['1']), ...(groups['name'] === undefined ? [] : [groups['name']])]
  const tail = names.flatMap((name) => [`$${name}`, `\${${name}}`]).find((reference) => replacement.endsWith(reference))
  return tail === undefined ? undefined : replacement.slice(0, -tail.length)
}

/** Finds out whether an endpoint with a path can do what the rewrites of a mirror do. */
export function rewriteEffect(rewrites: ReadonlyMap<string, string>): RewriteEffect {
  const valid = [...rewrites].filter(([pattern]) => tryParseGoRegexp(pattern) !== undefined)
  const patterns = valid.map(([pattern]) => pattern)
  const invalid = [...rewrites.keys()].filter((pattern) => !patterns.includes(pattern))
  const [first, ...others] = valid
  // K3s' containerd takes several in random order, so that no path stands for them.
  if (first === undefined || others.length > 0) return { prefix: first === undefined ? '' : undefined, patterns, invalid }
  const path = before(...first)
  const isPath = path !== undefined && plainPath.test(path) && !path.split('/').some((part) => /^\.{1,2}$/.test(part))
  return { prefix: isPath ? path.replace(/\/$/, '') : undefined, patterns, invalid }
}
