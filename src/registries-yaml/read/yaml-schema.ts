import type { Position } from '../registries.ts'

/** The type of a node. A struct has fixed keys; an optional struct is undefined if the file does not contain it. Pairs are the entries of a mapping with values of any type. */
export type Schema =
  | { readonly type: 'string' }
  | { readonly type: 'boolean' }
  | { readonly type: 'any' }
  | { readonly type: 'pairs' }
  | { readonly type: 'list'; readonly of: Schema }
  | { readonly type: 'map'; readonly of: Schema }
  | { readonly type: 'struct'; readonly fields: Fields; readonly isOptional?: boolean }

/** The keys of a struct. `as` is the name in the result, if it differs; an unused key is checked but not in the result. */
export type Fields = Readonly<Record<string, Schema & { readonly as?: string; readonly isUnused?: true }>>

/** An entry of a mapping whose order matters. The value is undefined for null, otherwise a string, a list or a map. */
export interface YamlPair {
  readonly key: string
  readonly value: unknown
  readonly position: Position
}

/** Strings, booleans, lists, maps by key, pairs, and structs as records. */
export type Decoded = string | boolean | undefined | Decoded[] | YamlPair[] | Map<string, Decoded> | Record<string, unknown>

/** What messages call a value of each type. */
export const nouns = {
  any: 'a value',
  string: 'a string',
  boolean: 'true or false',
  list: 'a list',
  map: 'a mapping',
  struct: 'a mapping',
  pairs: 'a mapping',
} as const

/** The value of a node that the file does not contain. */
export function zero(schema: Schema): Decoded {
  if (schema.type === 'struct') return schema.isOptional === true ? undefined : zeroFields(schema.fields)
  return { any: undefined, string: '', boolean: false, list: [], map: new Map(), pairs: [] }[schema.type]
}

/** The keys that are in the result. */
export function usedFields(fields: Fields): readonly [string, Fields[string]][] {
  return Object.entries(fields).filter(([, schema]) => schema.isUnused !== true)
}

/** The value of a struct without keys. */
export function zeroFields(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(usedFields(fields).map(([key, schema]) => [schema.as ?? key, zero(schema)]))
}
