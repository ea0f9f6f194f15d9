import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, maxPatterns } from '../lint/example-names.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

interface Conflict {
  readonly name: string
  readonly first: WrittenRewrite
  readonly firstResult: string
  readonly secondResult: string
}

/** For each pattern the first name that an earlier one makes something else of. */
function findConflicts(rewrites: readonly WrittenRewrite[]): ReadonlyMap<WrittenRewrite, Conflict> {
  const conflicts = new Map<WrittenRewrite, Conflict>()
  for (const name of exampleNames(rewrites)) {
    let first: { readonly rewrite: WrittenRewrite; readonly result: string } | undefined
    for (const rewrite of rewrites) {
      const result = rewrite.regexp?.replaceAll(name, rewrite.read.replacement) ?? name
      if (result === name) continue
      if (first === undefined) first = { rewrite, result }
      else if (first.result !== result && !conflicts.has(rewrite))
        conflicts.set(rewrite, { name, first: first.rewrite, firstResult: first.result, secondResult: result })
    }
  }
  return conflicts
}

/** Several patterns of a mirror that match the same name. */
export const rewriteAmbiguous: Rule = {
  title: 'Several rewrites match the same name',
  about: `The first pattern that changes a name counts, and K3s' containerd tries them in random order, anew for each request: the order
of the file means nothing. Of two patterns that match the same name now this one is used, now that one. There is no look-ahead to exclude
names with, but a pattern can list those that it is for. Found by trying names that K3s and others use, and names made of the patterns.`,
  *check({ rewrites }) {
    for (const [mirror, all] of rewrites) {
      const tried = all.filter(({ regexp }) => regexp !== undefined).slice(0, maxPatterns)
      if (tried.length < 2) continue
      for (const [{ pattern, position }, { name, first, firstResult, secondResult }] of findConflicts(tried)) {
        yield {
          position,
          message:
            `two patterns of ${shown(mirror)} match ${quoted(name)}, and which one is used is random: ` +
            `${quoted(first.pattern)} makes it ${quoted(firstResult)}, ${quoted(pattern)} makes it ${quoted(secondResult)}`,
          fix: 'Write patterns of which only one matches each name.',
        }
      }
    }
  },
}
