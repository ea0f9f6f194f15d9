import { isMirrorError } from '../../errors.ts'
import { parseGoRegexp, type GoRegexp } from '../go/go-regexp.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Position } from '../registries.ts'
import { oncePerFile } from './once-per-file.ts'
import type { LintContext } from './rule.ts'
import { readTomlKey, readTomlText } from './toml-text.ts'

/** A rewrite of a mirror: as it is written, and as containerd gets it. */
export interface WrittenRewrite {
  /** The key of `mirrors`. */
  readonly mirror: string
  readonly pattern: string
  readonly replacement: string
  readonly position: Position
  /** What containerd reads, as K3s escapes nothing; what is written where that is no TOML. */
  readonly read: { readonly pattern: string; readonly replacement: string }
  /** False for what is no TOML. */
  readonly isToml: boolean
  /** Undefined for what is no regular expression of Go's syntax. */
  readonly regexp: GoRegexp | undefined
  /** Why it is none. */
  readonly why: string
}

function compile(pattern: string): Pick<WrittenRewrite, 'regexp' | 'why'> {
  try {
    return { regexp: parseGoRegexp(pattern), why: '' }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    // What is before the colon names the pattern, and so does the rule.
    return {
      regexp: undefined,
      why: error.message.replace(/^"[^]*" is not a regular expression of Go's syntax: (?:error parsing regexp: )?/, ''),
    }
  }
}

/** Every rewrite in the file's order, by mirror; none of a file that K3s does not start with, or of a version that has none. */
export const writtenRewrites: (context: LintContext) => ReadonlyMap<string, readonly WrittenRewrite[]> = oncePerFile(
  ({ parsed, version }) => {
    if (parsed.problems.length > 0 || !hasFeature(version, 'rewrite')) return new Map()
    return new Map(
      [...parsed.registries.mirrors].map(([mirror, { rewrites }]) => [
        mirror,
        [...rewrites].map(([pattern, replacement]): WrittenRewrite => {
          const key = readTomlKey(`"${pattern}"`)
          const text = readTomlText(`"${replacement}"`)
          const read = { pattern: key ?? pattern, replacement: text ?? replacement }
          const isToml = key !== undefined && text !== undefined
          const position = parsed.positionOf(['mirrors', mirror, 'rewrite', pattern])
          return { mirror, pattern, replacement, position, read, isToml, ...compile(read.pattern) }
        }),
      ]),
    )
  },
)
