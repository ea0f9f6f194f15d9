import { RE2JS, type Matcher } from 're2js'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { matchesSome, type TextLanguage } from './text-language.ts'

/** A regular expression of Go's regexp package: RE2 syntax, linear time, matches anywhere. https://pkg.go.dev/regexp/syntax */
export interface GoRegexp {
  /** True if it matches anywhere in the text. */
  matches(text: string): boolean
  /** True if it matches a part of one of the texts, and for a pattern that is too large to decide. */
  matchesSome(language: TextLanguage): boolean
  /** True for the number or the name of a group. */
  hasGroup(name: string): boolean
  /** The text with every match replaced, as Go's ReplaceAllString does. */
  replaceAll(text: string, template: string): string
}

/** Longer patterns take seconds to compile. */
export const maxPatternLength: number = 4096

// The unique names of the groups that share a name, in the order of the groups.
type GroupNames = ReadonlyMap<string, readonly string[]>

// Quotations, escapes and character classes, in which "(?<" does not start a group; then a named group.
const token = /\\Q[^]*?(?:\\E|$)|\\[^]|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*(?:\]|$)|\(\?P?<(\w+)>/g

/** The pattern with unique group names, because Go accepts duplicate names and re2js does not. */
function nameApart(pattern: string): { readonly apart: string; readonly names: GroupNames } {
  const names = new Map<string, string[]>()
  const apart = pattern.replace(token, (text, name: string | undefined) => {
    if (name === undefined) return text
    const same = names.get(name) ?? []
    names.set(name, same)
    let other = name
    while (same.length > 0 && (names.has(other) || pattern.includes(`<${other}>`) || same.includes(other))) other += '_'
    same.push(other)
    return text.replace(name, other)
  })
  return { apart, names }
}

// A number with a leading zero is a name, and group names never begin with a digit.
const isNumber = /^(?:0|[1-9][0-9]*)$/

/** A group's text; empty for a group that does not exist or did not match: https://pkg.go.dev/regexp#Regexp.Expand */
function groupText(match: Matcher, names: GroupNames, name: string): string {
  if (isNumber.test(name)) return Number(name) <= match.groupCount() ? (match.group(Number(name)) ?? '') : ''
  for (const group of names.get(name) ?? []) {
    const text = match.group(group)
    if (text !== null) return text
  }
  return ''
}

/** `$name` is the longest run of letters, digits and underscores: `$1x` is the group "1x", `${1}x` the group "1". `$$` is a dollar. */
function expand(template: string, match: Matcher, names: GroupNames): string {
  return template.replace(
    /\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu,
    (_, dollar: string | undefined, bare: string | undefined, braced: string | undefined) =>
      dollar === undefined ? groupText(match, names, bare ?? braced ?? '') : '$',
  )
}

/** Compiles a pattern. Throws INVALID_REWRITE for everything that RE2 rejects, as look-around and back-references. */
export function parseGoRegexp(pattern: string): GoRegexp {
  if (pattern.length > maxPatternLength) {
    throw new MirrorError('INVALID_REWRITE', `the pattern "${pattern.slice(0, 200)}…" is longer than ${maxPatternLength} characters`, {
      hint: 'split it into several rewrites',
    })
  }
  const { apart, names } = nameApart(pattern)
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(apart)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ''
    throw new MirrorError('INVALID_REWRITE', `"${pattern.slice(0, 200)}" is not a valid Go regular expression: ${why}`, {
      hint: 'use RE2 syntax, without look-ahead, look-behind and back-references: https://pkg.go.dev/regexp/syntax',
      cause,
    })
  }
  return {
    matches: (text) => compiled.matcher(text).find(),
    matchesSome: (language) => matchesSome(compiled, language),
    hasGroup: (name) => (isNumber.test(name) ? Number(name) <= compiled.groupCount() : names.has(name)),
    replaceAll: (text, template) => {
      const matcher = compiled.matcher(text)
      let result = ''
      let at = 0
      // Unlike re2js, Go skips an empty match right after another match.
      let last = -1
      while (matcher.find()) {
        if (matcher.start() === matcher.end() && matcher.start() === last) continue
        result += text.slice(at, matcher.start()) + expand(template, matcher, names)
        at = matcher.end()
        last = at
      }
      return result + text.slice(at)
    },
  }
}

/** The same; undefined for an invalid pattern. */
export function tryParseGoRegexp(pattern: string): GoRegexp | undefined {
  try {
    return parseGoRegexp(pattern)
  } catch (error) {
    if (isMirrorError(error)) return undefined
    throw error
  }
}
