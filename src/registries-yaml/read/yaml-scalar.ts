/** A scalar: `isPlain` if it is neither quoted nor a block, `tag` as written (`tag:yaml.org,2002:int`, `!mine`). */
export interface YamlScalar {
  readonly text: string
  readonly isPlain: boolean
  readonly tag: string | undefined
}

/** The value of a scalar in K3s' parser for YAML 1.1. `text` includes numbers, which a string field keeps as they are written. */
export type ScalarValue =
  | { readonly type: 'null' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'invalid'; readonly why: string }

const standard = 'tag:yaml.org,2002:'
const nulls: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL'])
const trues: ReadonlySet<string> = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const falses: ReadonlySet<string> = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const integer = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[0-9]+)$/
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/
const timestamp = /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9:.]+(?:Z|[-+][0-9:]+)?)?$/

/** The type of an untagged plain scalar: https://yaml.org/type/ */
function plainType(text: string): 'null' | 'bool' | 'int' | 'float' | 'timestamp' | 'merge' | 'str' {
  if (nulls.has(text)) return 'null'
  if (trues.has(text) || falses.has(text)) return 'bool'
  if (text === '<<') return 'merge'
  const digits = text.replaceAll('_', '')
  if (integer.test(digits)) return 'int'
  if (float.test(digits)) return 'float'
  return timestamp.test(text) ? 'timestamp' : 'str'
}

function decodeBinary(text: string): ScalarValue {
  const compact = text.replace(/[\r\n]/g, '')
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return { type: 'invalid', why: 'invalid base64 after !!binary' }
  return { type: 'text', text: Buffer.from(compact, 'base64').toString('utf8') }
}

/** Reads a scalar: quoted is always text, plain depends on its form, tagged must match its tag. */
export function readScalar({ text, isPlain, tag }: YamlScalar): ScalarValue {
  if (tag === undefined && !isPlain) return { type: 'text', text }
  if (tag === `${standard}binary`) return decodeBinary(text)
  const wanted = tag?.startsWith(standard) === true ? tag.slice(standard.length) : undefined
  if (tag !== undefined && (wanted === undefined || !['str', 'bool', 'int', 'float', 'null', 'timestamp'].includes(wanted)))
    return { type: 'text', text }
  if (wanted === 'str') return { type: 'text', text }
  const type = plainType(text)
  if (wanted !== undefined && wanted !== type && !(wanted === 'float' && type === 'int'))
    return { type: 'invalid', why: `the value does not match its tag !!${wanted}` }
  if (type === 'null') return { type: 'null' }
  return type === 'bool' ? { type: 'boolean', value: trues.has(text) } : { type: 'text', text }
}

/** True for `<<`, which merges the entries of another mapping: https://yaml.org/type/merge.html */
export function isMergeKey({ text, isPlain, tag }: YamlScalar): boolean {
  return text === '<<' && ((isPlain && tag === undefined) || tag === `${standard}merge` || tag === '!')
}
