import { quoted, escaped } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

function explain(pattern: string): string {
  if (/\(\?<?[=!]/.test(pattern)) return 'Look-ahead and look-behind do not exist in Go: list the names that are meant.'
  if (/\\[1-9]/.test(pattern)) return 'Back-references do not exist in Go: write the pattern without.'
  return 'Write it as https://pkg.go.dev/regexp/syntax describes.'
}

/** A pattern that Go cannot compile. */
export const rewriteInvalid: Rule = {
  title: 'A rewrite pattern is no regular expression of Go',
  about: `Patterns are [Go's regular expressions](https://pkg.go.dev/regexp/syntax), which know neither look-ahead nor look-behind nor
back-references. K3s does not check them; containerd logs a warning with every request and goes on without the rewrite.`,
  rewrite: ({ pattern, regexp, why }) => {
    if (regexp !== undefined) return undefined
    const message = `the pattern ${quoted(pattern)} is no regular expression of Go's syntax, and containerd passes over it: ${escaped(why)}`
    return { message, fix: explain(pattern) }
  },
}
