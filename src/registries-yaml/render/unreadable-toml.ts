import { parse } from 'smol-toml'
import type { ConfigVersion } from './rendered.ts'

// Go's escapes for control characters, which are invalid in TOML 1.0; our parser accepts some of them as TOML 1.1.
const unknownEscape = /(?<!\\)(?:\\\\)*\\[xe]/

/** Why containerd cannot read a file of K3s; undefined for a readable file: https://github.com/pelletier/go-toml/blob/v1.9.5/lexer.go */
export function unreadableToml(text: string, version: ConfigVersion): string | undefined {
  try {
    parse(text)
  } catch {
    return 'it is invalid TOML, because K3s does not escape values'
  }
  if (unknownEscape.test(text)) return 'it is invalid TOML, because K3s escapes control characters as Go does'
  const hasBrackets = version === 2 && text.split('\n').some((line) => /[[\]]/.test(/^ *\[[^"']*["'](.*)["']/.exec(line)?.[1] ?? ''))
  return hasBrackets ? 'containerd 1 does not support brackets in the name of a table, as in IPv6 addresses' : undefined
}
