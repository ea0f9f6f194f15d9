import { MirrorError } from '../errors.ts'
import { isJsonObject } from './json-object.ts'

const maxDepth = 64

/** Throws INVALID_MANIFEST: the manifest, and why it is none. */
export function refuse(why: string): never {
  throw new MirrorError('INVALID_MANIFEST', `the manifest ${why}`)
}

/** Where the string that begins here ends: at its last quote, or at the end of a text that has none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}

/** Refuses keys that parsers disagree about, deep nesting, and more values than a limit; whether the text is JSON is left to the parser. */
function scan(text: string, maxValues: number): void {
  const open: Set<string>[] = []
  let values = 0
  let last = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      // Only names of members are needed; a slice of the text copies nothing.
      last = text.slice(at, end + 1)
      at = end
    } else if (character === ':') {
      const name = last.includes('\\') ? String(JSON.parse(last)) : last.slice(1, -1)
      const names = open.at(-1)
      if (name === '__proto__') refuse('has the key "__proto__"')
      if (names?.has(name)) refuse(`has the key "${name.slice(0, 50)}" twice`)
      names?.add(name)
    } else if (character === '{' || character === '[') {
      open.push(new Set())
      if (open.length > maxDepth) refuse('is nested too deeply')
    } else if (character === '}' || character === ']') open.pop()
    if ((character === ',' || character === '{' || character === '[') && ++values > maxValues) refuse(`has more than ${maxValues} values`)
  }
}

/**
 * Reads JSON with one meaning: what parsers disagree about (duplicate keys, `__proto__`) is refused. It takes time and memory for its bytes, and for
 * `maxValues` values at most, whatever the bytes are: they are counted before anything is made of them. Throws INVALID_MANIFEST.
 */
export function parseUnambiguousJson(bytes: Uint8Array, maxValues: number): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    scan(text, maxValues)
    value = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof MirrorError) throw cause
    throw new MirrorError('INVALID_MANIFEST', 'the manifest is not JSON', { cause })
  }
  return isJsonObject(value) ? value : refuse('is not a JSON object')
}
