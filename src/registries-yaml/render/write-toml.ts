/** A value of a TOML document. Lists contain no tables; a table is a Map in the order of the document. */
export type TomlValue = string | number | boolean | readonly (string | readonly string[])[] | TomlTable

/** A table of a TOML document. */
export interface TomlTable extends ReadonlyMap<string, TomlValue> {}

/** A table of the defined values. */
export function tomlTable(entries: Iterable<readonly [key: string, value: TomlValue | undefined]>): TomlTable {
  return new Map([...entries].filter((entry): entry is [string, TomlValue] => entry[1] !== undefined))
}

/** The table, or undefined for an empty one. */
export function nonEmpty(table: TomlTable): TomlTable | undefined {
  return table.size > 0 ? table : undefined
}

/** The parser that reads a document. containerd 1 has go-toml 1, without brackets and escapes in the name of a table: https://github.com/pelletier/go-toml/blob/v1.9.5/keysparsing.go */
export type TomlReader = 'go-toml-1' | 'go-toml-2'

const short: Record<string, string> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' }

/** A basic string: https://toml.io/en/v1.0.0#string */
function basicString(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped
  return `"${text.replace(/["\\\x00-\x1f\x7f]/g, (c) => short[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
}

function writeKey(key: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(key)) return key
  // go-toml 1 accepts a quotation mark only in a literal string.
  // oxlint-disable-next-line no-control-regex -- a literal string cannot have control characters
  return key.includes('"') && !/['\x00-\x1f\x7f]/.test(key) ? `'${key}'` : basicString(key)
}

function isTable(value: TomlValue): value is TomlTable {
  return value instanceof Map
}

function writeValue(value: TomlValue): string {
  if (typeof value === 'string') return basicString(value)
  // Only an empty table is an inline value: containerd sorts hosts by line, which go-toml 1 does not record for inline tables.
  if (isTable(value)) return '{}'
  return typeof value === 'object' ? `[${value.map(writeValue).join(', ')}]` : String(value)
}

/** `key = value`, or `key.inner = value` for everything inside of a table. */
function assign(key: string, value: TomlValue): string[] {
  if (!isTable(value) || value.size === 0) return [`${key} = ${writeValue(value)}`]
  return [...value].flatMap(([inner, item]) => assign(`${key}.${writeKey(inner)}`, item))
}

function writeTable(path: string, table: TomlTable, reader: TomlReader): string[] {
  const children = [...table].filter((entry): entry is [string, TomlTable] => isTable(entry[1]))
  // All or none, because containerd asks hosts in the order of the file.
  // oxlint-disable-next-line no-control-regex -- control characters would be escaped
  const areHeaders = reader === 'go-toml-2' || children.every(([key]) => !/["\\[\]\x00-\x1f\x7f]/.test(key))
  const assignments = [...table]
    .filter(([, value]) => !areHeaders || !isTable(value))
    .flatMap(([key, value]) => assign(writeKey(key), value))
  const isWritten = path !== '' && (assignments.length > 0 || children.length === 0)
  return [
    ...(isWritten ? ['', `[${path}]`] : []),
    ...assignments.map((line) => (path === '' ? line : `  ${line}`)),
    ...(areHeaders
      ? children.flatMap(([key, child]) => writeTable(path === '' ? writeKey(key) : `${path}.${writeKey(key)}`, child, reader))
      : []),
  ]
}

/** Writes a document of TOML 1.0 that the reader understands; https://toml.io/en/v1.0.0 */
export function writeToml(document: TomlTable, reader: TomlReader): string {
  return `${writeTable('', document, reader).join('\n')}\n`.trimStart()
}

/** True for a key that go-toml 1 cannot read. */
export function isUnreadableKey(key: string): boolean {
  return key.includes('"') && /['\p{Cc}]/u.test(key)
}
