import { parse, TomlError, type TomlTable } from 'smol-toml'

function tryParse(toml: string): TomlTable | undefined {
  try {
    return parse(toml)
  } catch (error) {
    if (error instanceof TomlError) return undefined
    throw error
  }
}

/** True for `\x` and `\e` of TOML 1.1, which containerd does not support: https://toml.io/en/v1.0.0#string */
function hasNewEscape(literal: string): boolean {
  return literal.startsWith('"') && [...literal.matchAll(/\\([^])/g)].some(([, c]) => c === 'x' || c === 'e')
}

/** The value that containerd reads from a quoted string, quotes included; undefined for an invalid TOML string. */
export function readTomlText(literal: string): string | undefined {
  if (hasNewEscape(literal)) return undefined
  const { text, ...others } = tryParse(`text = ${literal}`) ?? {}
  return typeof text === 'string' && Object.keys(others).length === 0 ? text : undefined
}

/** The same for a quoted key. */
export function readTomlKey(literal: string): string | undefined {
  if (hasNewEscape(literal)) return undefined
  const [entry, ...others] = Object.entries(tryParse(`${literal} = 1`) ?? {})
  return entry !== undefined && entry[1] === 1 && others.length === 0 ? entry[0] : undefined
}
