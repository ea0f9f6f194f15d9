import { isMirrorError } from '../../errors.ts'
import { parseGoRegexp, type GoRegexp } from '../go/go-regexp.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import type { Position, Registries } from '../registries.ts'
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
    const why = error.message.replace(/^"[^]*" is not a regular expression of Go's syntax: (?:error parsing regexp: )?/, '')
    return { regexp: undefined, why }
  }
}

/** Every rewrite in the file's order, by mirror. */
export function readRewrites(
  mirrors: Registries['mirrors'],
  { positionOf }: ParsedRegistries,
): ReadonlyMap<string, readonly WrittenRewrite[]> {
  const readRewrite = (mirror: string, pattern: string, replacement: string): WrittenRewrite => {
    const key = readTomlKey(`"${pattern}"`)
    const text = readTomlText(`"${replacement}"`)
    const read = { pattern: key ?? pattern, replacement: text ?? replacement }
    const position = positionOf(['mirrors', mirror, 'rewrite', pattern])
    return { mirror, pattern, replacement, position, read, isToml: key !== undefined && text !== undefined, ...compile(read.pattern) }
  }
  return new Map([...mirrors].map(([mirror, { rewrites }]) => [mirror, [...rewrites].map((rewrite) => readRewrite(mirror, ...rewrite))]))
}
