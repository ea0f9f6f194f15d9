import type { LintContext } from './rule.ts'

/** Remembers what was worked out of a file: many rules ask for the same. */
export function oncePerFile<T>(work: (context: LintContext) => T): (context: LintContext) => T {
  const known = new WeakMap<LintContext, { readonly result: T }>()
  return (context) => {
    const found = known.get(context) ?? { result: work(context) }
    known.set(context, found)
    return found.result
  }
}
