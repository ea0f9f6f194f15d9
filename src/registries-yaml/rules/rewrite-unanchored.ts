import { quoted } from '../../text/printable.ts'
import { tryParseGoRegexp } from '../go/go-regexp.ts'
import { oncePerPosition, type WrittenRewrite } from '../lint/context.ts'
import { maxPatterns, shiftedNames } from '../lint/example-names.ts'
import type { Rule } from '../lint/rule.ts'

/** True for a pattern with an anchor, even if only one alternative has it. */
function hasAnchor(pattern: string): boolean {
  const withoutSets = pattern.replace(/\\[^Az]|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[^]|[^\]\\])*(?:\]|$)/gsu, '')
  return /[\^$]|\\[Az]/.test(withoutSets)
}

/** A name that the pattern rewrites differently with `^` before it. */
function findExample(rewrite: WrittenRewrite): { readonly name: string; readonly result: string } | undefined {
  const { regexp, read } = rewrite
  const strict = tryParseGoRegexp(`^(?:${read.pattern})`)
  if (regexp === undefined || strict === undefined) return undefined
  const { plain, behindSlash, withinWord } = shiftedNames(rewrite)
  // A pattern that never matches at the start is meant for the middle or the end.
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
  about: `A pattern without \`^\` matches anywhere in the name, and containerd replaces every match. \`rancher/(.*)\` also matches \`team/rancher/image\` and
\`myrancher/image\`. Patterns that begin with \`.*\` match the whole name and are not reported.`,
  *check({ rewrites }) {
    for (const rewrite of oncePerPosition([...rewrites.values()].flat()).slice(0, maxPatterns)) {
      const { pattern, position } = rewrite
      const example = findExample(rewrite)
      if (example === undefined) continue
      yield {
        position,
        message: `the pattern ${quoted(pattern)} matches anywhere in a name: ${quoted(example.name)} becomes ${quoted(example.result)}`,
        fix:
          pattern === ''
            ? 'write (.*) to match every name, or remove the pattern'
            : 'start the pattern with ^, or with (.*) to match anywhere',
      }
    }
  },
}
