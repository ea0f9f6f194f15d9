import { isScalar } from 'yaml'
import type { WrittenEntry } from '../read/decode-yaml.ts'
import type { WrittenRegistries } from '../read/parse-registries.ts'
import type { Edit, TextEdit } from './edit.ts'

/** The text of a file and the nodes of it. */
export interface WrittenFile extends WrittenRegistries {
  readonly text: string
}

const plainKey = /^[A-Za-z0-9][\w.-]*(?::[0-9]+)?$/

/** The range of a key or a value that is a scalar on one line. */
function rangeInLine({ text, document }: WrittenFile, node: WrittenEntry['value']): readonly [number, number] | undefined {
  if (!isScalar(node)) return undefined
  const range = document.rangeOf(node)
  return /[\r\n]/.test(text.slice(...range)) ? undefined : range
}

/** A key in the style of the one that it replaces. */
function writeKey(key: string, quote: string | undefined): string {
  if (quote === "'" && !key.includes("'")) return `'${key}'`
  return quote !== '"' && plainKey.test(key) ? key : JSON.stringify(key)
}

function renameKey(file: WrittenFile, { key }: WrittenEntry, to: string): readonly TextEdit[] | undefined {
  const range = rangeInLine(file, key)
  if (range === undefined) return undefined
  const [start, end] = range
  return [{ start, end, text: writeKey(to, file.text[start]) }]
}

function unquote(file: WrittenFile, { value }: WrittenEntry): readonly TextEdit[] | undefined {
  const range = rangeInLine(file, value)
  if (range === undefined || !isScalar(value) || !/^["']/.test(file.text.slice(...range))) return undefined
  const [start, end] = range
  return [{ start, end, text: String(value.value) }]
}

/** In a block the value moves to a line of its own, after `- `; in braces it gets brackets. Undefined for a value that may be several endpoints, or none, and where a tag or an anchor would belong to the list. */
function makeList(file: WrittenFile, { key, value, mapping }: WrittenEntry): readonly TextEdit[] | undefined {
  const range = rangeInLine(file, value)
  if (range === undefined || !isScalar(value) || value.tag !== undefined || value.anchor !== undefined) return undefined
  if (/^$|[\s,]/.test(String(value.value))) return undefined
  const [start, end] = range
  if (mapping.flow === true) {
    return [
      { start, end: start, text: '[' },
      { start: end, end, text: ']' },
    ]
  }
  const line =
    file.text
      .slice(0, start)
      .split(/[\r\n]/)
      .at(-1) ?? ''
  if (line.trim() === '') return [{ start, end: start, text: '- ' }]
  const newline = /\r\n|\r|\n/.exec(file.text)?.[0] ?? '\n'
  const spaces = ' '.repeat(file.document.positionOf(key).column + 1)
  return [{ start: start - (line.length - line.trimEnd().length), end: start, text: `${newline}${spaces}- ` }]
}

/** The lines of an entry; undefined for one that shares a line with other text, or contains a comment or an anchor. */
function linesOf({ text, document }: WrittenFile, { key, value }: WrittenEntry): readonly [start: number, end: number] | undefined {
  const [keyStart, keyEnd] = document.rangeOf(key)
  const valueEnd = value === null ? keyEnd : document.rangeOf(value)[1]
  const start = keyStart - (/[ ]*$/.exec(text.slice(0, keyStart))?.[0].length ?? 0)
  if (start > 0 && !/[\r\n\uFEFF]/.test(text.charAt(start - 1))) return undefined
  const content = text.slice(keyStart, Math.max(keyEnd, valueEnd)).trimEnd()
  const rest = /^[ \t]*:?[ \t]*(?:\r\n|\r|\n|$)/.exec(text.slice(keyStart + content.length))
  if (rest === null || /[#&]/.test(content)) return undefined
  return [start, keyStart + content.length + rest[0].length]
}

/** Removes the second of two entries with the same text. */
function removeRepetition(file: WrittenFile, entries: readonly WrittenEntry[]): readonly TextEdit[] | undefined {
  const [first, second] = entries
  if (first === undefined || second === undefined || entries.length > 2) return undefined
  if (first.mapping !== second.mapping || second.mapping.flow === true || entries.some(({ isAliased }) => isAliased)) return undefined
  const [kept, removed] = [linesOf(file, first), linesOf(file, second)]
  if (kept === undefined || removed === undefined) return undefined
  const linesIn = (range: readonly [number, number]): string =>
    file.text
      .slice(...range)
      .split(/\r\n|\r|\n/)
      .map((line) => line.trim())
      .join('\n')
      .trim()
  return linesIn(kept) === linesIn(removed) ? [{ start: removed[0], end: removed[1], text: '' }] : undefined
}

/** The changes of the text that make an edit; undefined where they would reach other parts of the file, as through an alias. */
export function textEditsOf(file: WrittenFile, edit: Edit): readonly TextEdit[] | undefined {
  // Below a repeated key K3s may ignore everything.
  if (edit.path.some((_, index) => index > 0 && file.entriesOf(edit.path.slice(0, index)).length > 1)) return undefined
  const entries = file.entriesOf(edit.path)
  if (edit.kind === 'remove') return removeRepetition(file, entries)
  const [entry] = entries
  if (entry === undefined || entries.length > 1 || entry.isAliased) return undefined
  if ('to' in edit && file.entriesOf([...edit.path.slice(0, -1), edit.to]).length > 0) return undefined
  if ('to' in edit) return renameKey(file, entry, edit.to)
  return edit.kind === 'list' ? makeList(file, entry) : unquote(file, entry)
}
