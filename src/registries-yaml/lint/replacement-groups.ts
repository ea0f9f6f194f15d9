import type { GoRegexp } from '../go/go-regexp.ts'

/** An invalid reference to a capture group in a replacement. */
export interface ReplacementFault {
  readonly kind: 'no-group' | 'long-name' | 'bare-dollar' | 'backslash'
  /** As in `$2`, `$1x`, `$&`, `\1`. */
  readonly text: string
  /** The reference that the user probably means. */
  readonly meant: string | undefined
}

/** Characters of a name that are searched for a group's name. */
const longestName = 100

// The same syntax as in go-regexp.ts.
const reference = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})|\$\{?[^$]?|\\([0-9])/gu

/** The references in a replacement that are not groups of its pattern: https://pkg.go.dev/regexp#Regexp.Expand */
export function replacementFaults(regexp: GoRegexp, replacement: string): readonly ReplacementFault[] {
  const faults: ReplacementFault[] = []
  for (const [text, bare, braced, digit] of replacement.matchAll(reference)) {
    const name = bare ?? braced
    if (text === '$$' || (name !== undefined && regexp.hasGroup(name))) continue
    if (digit !== undefined) faults.push({ kind: 'backslash', text, meant: `\${${digit}}` })
    else if (name === undefined) faults.push({ kind: 'bare-dollar', text, meant: text === '$&' ? '$0' : undefined })
    else {
      const start = name.slice(0, longestName)
      const shorter = Array.from(start, (_, at) => start.slice(0, start.length - at)).find((one) => regexp.hasGroup(one))
      if (shorter === undefined || bare === undefined) faults.push({ kind: 'no-group', text, meant: undefined })
      else faults.push({ kind: 'long-name', text, meant: `\${${shorter}}${name.slice(shorter.length)}` })
    }
  }
  return faults
}
