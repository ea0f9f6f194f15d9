import { quoted } from '../../text/printable.ts'
import { tryParseGoRegexp } from '../go/go-regexp.ts'
import { oncePerPosition, type WrittenRewrite } from '../lint/context.ts'
import { maxPatterns, shiftedNames } from '../lint/example-names.ts'
import type { Rule } from '../lint/rule.ts'

/** True where the author thought of an end of the name, be it in one alternative alone. */
function hasAnchor(pattern: string): boolean {
  const withoutSets = pattern.replace(/\\[^Az]|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[^]|[^\]\\])*(?:\]|$)/gsu, '')
  return /[\^$]|\\[Az]/.test(withoutSets)
}

/** A name that the pattern changes in its middle, where it would change nothing, or other things, with `^` before it. */
function findExample(rewrite: WrittenRewrite): { readonly name: string; readonly result: string } | undefined {
  const { regexp, read } = rewrite
  const strict = tryParseGoRegexp(`^(?:${read.pattern})`)
  if (regexp === undefined || strict === undefined) return undefined
  const { plain, behindSlash, withinWord } = shiftedNames(rewrite)
  // A pattern that never matches at the beginning is meant for the middle or the end.
  if (!plain.some((name) => strict.matches(name))) return undefined
  for (const name of hasAnchor(read.pattern) ? withinWord : [...behindSlash, ...withinWord]) {
    const result = regexp.replaceAll(name, read.replacement)
    if (result !== name && result !== strict.replaceAll(name, read.replacement)) return { name, result }
  }
  return undefined
}

/** A pattern that also matches in the middle of names. */
export const rewriteUnanchored: Rule = {
  severity: 'warning',
  title: 'A rewrite pattern matches anywhere in a name',
  about: `A pattern that does not begin with \`^\` is looked for in the whole name, and every match is replaced: \`rancher/(.*)\` also
takes \`team/rancher/image\` and \`myrancher/image\`. Patterns that begin with \`.*\` take the whole name anyway and are as good as
anchored.`,
  *check({ rewrites }) {
    for (const rewrite of oncePerPosition([...rewrites.values()].flat()).slice(0, maxPatterns)) {
      const { pattern, position } = rewrite
      const example = findExample(rewrite)
      if (example === undefined) continue
      yield {
        position,
        message: `the pattern ${quoted(pattern)} matches anywhere in a name: ${quoted(example.name)} becomes ${quoted(example.result)}`,
        fix:
          pattern === '' ? 'Remove it, or write (.*) for every name.' : 'Begin the pattern with ^, or with (.*) where anywhere is meant.',
      }
    }
  },
}
