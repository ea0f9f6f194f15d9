import type { YamlPair } from '../registries-yaml/read/yaml-schema.ts'
import type { Position } from '../registries-yaml/registries.ts'

/** A key with its merged value, and where the value that decides it is. */
export interface ConfigEntry {
  readonly key: string
  /** The values of the flag, each as one occurrence of it on the command line. A mapping has no text. */
  readonly texts: readonly (string | undefined)[]
  readonly path: string
  readonly position: Position
}

/** The pairs of one file. */
export interface ConfigPairs {
  readonly path: string
  readonly pairs: readonly YamlPair[]
}

interface Merged {
  value: unknown
  readonly path: string
  readonly position: Position
}

/** A value as a text; undefined for a mapping. */
function toText(value: unknown): string | undefined {
  if (Array.isArray(value)) return toText(value[0])
  if (value === undefined) return ''
  return typeof value === 'string' ? value : undefined
}

function toList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return value === undefined ? [] : [value]
}

/** Merges files as K3s does: the last file wins, and `key+` appends to the value so far: https://github.com/k3s-io/k3s/blob/main/pkg/configfilearg/parser.go */
export function mergeConfig(files: readonly ConfigPairs[]): readonly ConfigEntry[] {
  const merged = new Map<string, Merged>()
  for (const { path, pairs } of files) {
    for (const { key: written, value, position } of pairs) {
      const key = written.replace(/\+$/, '')
      const old = merged.get(key)
      const isAppended = old !== undefined && written.endsWith('+')
      merged.set(key, { value: isAppended ? [...toList(old.value), ...toList(value)] : value, path, position })
    }
  }
  return [...merged].map(([key, { value, path, position }]) => ({
    key,
    texts: (Array.isArray(value) ? value : [value]).map(toText),
    path,
    position,
  }))
}
