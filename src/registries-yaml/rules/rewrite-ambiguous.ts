import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, maxPatterns } from '../lint/example-names.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** For each pattern the first name that an earlier one makes something else of, in a sentence. */
function findConflicts(rewrites: readonly WrittenRewrite[]): ReadonlyMap<WrittenRewrite, string> {
  const conflicts = new Map<WrittenRewrite, string>()
  for (const name of exampleNames(rewrites)) {
    let first: { readonly pattern: string; readonly result: string } | undefined
    for (const rewrite of rewrites) {
      const { mirror, pattern, regexp, read } = rewrite
      const result = regexp?.replaceAll(name, read.replacement) ?? name
      if (result === name) continue
      first ??= { pattern, result }
      if (first.result === result || conflicts.has(rewrite)) continue
      const both = `${quoted(first.pattern)} makes it ${quoted(first.result)}, ${quoted(pattern)} makes it ${quoted(result)}`
      conflicts.set(rewrite, `two patterns of ${shown(mirror)} match ${quoted(name)}, and which one is used is random: ${both}`)
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
    for (const all of rewrites.values()) {
      const tried = all.filter(({ regexp }) => regexp !== undefined).slice(0, maxPatterns)
      for (const [{ position }, message] of findConflicts(tried.length < 2 ? [] : tried))
        yield { position, message, fix: 'Write patterns of which only one matches each name.' }
    }
  },
}
