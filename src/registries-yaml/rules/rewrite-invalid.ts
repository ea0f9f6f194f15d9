import { quoted, escaped } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

function explain(pattern: string): string {
  if (/\(\?<?[=!]/.test(pattern)) return 'list the names instead, because Go has no look-ahead and no look-behind'
  if (/\\[1-9]/.test(pattern)) return 'write the pattern without a back-reference, which Go does not support'
  return 'correct the pattern: https://pkg.go.dev/regexp/syntax'
}

/** A pattern that Go cannot compile. */
export const rewriteInvalid: Rule = {
  title: 'An invalid regular expression in a rewrite',
  about: `Patterns are [Go's regular expressions](https://pkg.go.dev/regexp/syntax), which do not support look-ahead, look-behind and back-references. K3s does not
validate them. containerd logs a warning with every request and ignores the rewrite.`,
  rewrite: ({ pattern, regexp, why }) => {
    if (regexp !== undefined) return undefined
    const message = `containerd ignores the pattern ${quoted(pattern)}, which is not a valid Go regular expression: ${escaped(why)}`
    return { message, fix: explain(pattern) }
  },
}
