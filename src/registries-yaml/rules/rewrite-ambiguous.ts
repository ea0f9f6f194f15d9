import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, maxPatterns } from '../lint/example-names.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** For each pattern, a message about the first name that an earlier pattern rewrites differently. */
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
      const both = `${quoted(first.pattern)} produces ${quoted(first.result)}, ${quoted(pattern)} produces ${quoted(result)}`
      conflicts.set(rewrite, `two patterns of ${shown(mirror)} match ${quoted(name)}, and containerd picks one at random: ${both}`)
    }
  }
  return conflicts
}

/** Several patterns of a mirror that match the same name. */
export const rewriteAmbiguous: Rule = {
  title: 'Several rewrites match the same name',
  about: `containerd applies the first pattern that changes a name. K3s' containerd tries them in random order for each request, whatever their order in the file. If
two patterns match one name, the result changes from request to request. Go has no look-ahead to exclude names, so list the names that a pattern is for. Lint tries
names that K3s and others use, and names derived from the patterns.`,
  *check({ rewrites }) {
    for (const all of rewrites.values()) {
      const tried = all.filter(({ regexp }) => regexp !== undefined).slice(0, maxPatterns)
      for (const [{ position }, message] of findConflicts(tried.length < 2 ? [] : tried))
        yield { position, message, fix: 'write patterns that never match the same name' }
    }
  },
}
