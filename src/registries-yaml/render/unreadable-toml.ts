import { parse } from 'smol-toml'
import type { ConfigVersion } from './rendered.ts'

// Go quotes control characters in a way that TOML 1.0 does not know, and our parser takes some of them for TOML 1.1.
const unknownEscape = /(?<!\\)(?:\\\\)*\\[xe]/

/** Why the containerd that a file of K3s is for cannot read it; undefined where it can: https://github.com/pelletier/go-toml/blob/v1.9.5/lexer.go */
export function unreadableToml(text: string, version: ConfigVersion): string | undefined {
  try {
    parse(text)
  } catch {
    return 'it is no valid TOML, because K3s does not escape what it writes'
  }
  if (unknownEscape.test(text)) return 'it is no valid TOML, because K3s escapes control characters as Go does'
  const hasBrackets = version === 2 && text.split('\n').some((line) => /[[\]]/.test(/^ *\[[^"']*["'](.*)["']/.exec(line)?.[1] ?? ''))
  return hasBrackets ? 'the TOML parser of containerd 1 takes no brackets in the name of a table, as IPv6 addresses have them' : undefined
}
