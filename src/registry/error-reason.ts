import { isJsonObject } from '../oci/json-object.ts'
import { foreignText } from '../text/printable.ts'

/** What the body of a refused request says. */
export interface ErrorReason {
  /** Codes of the distribution specification: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
  readonly codes: readonly string[]
  /** Digests that it is about. */
  readonly digests: readonly string[]
  /** Why, in the server's words, without control characters and at most 300 characters long; empty where it does not say. */
  readonly text: string
}

const maxTextLength = 300
const maxDepth = 4
/** Entries of a list that are shown. */
const mostEntries = 5

/** Where products put the sentence for people, the best first. */
const sentenceFields = ['errors', 'message', 'error_description', 'error', 'reason', 'description', 'title', 'msg']
/** Where they put the half that is of use. */
const detailFields = ['detail', 'details']

function sentenceAt(value: Readonly<Record<string, unknown>>, fields: readonly string[], depth: number): string {
  for (const name of fields) {
    const key = Object.keys(value).find((own) => own.toLowerCase() === name)
    const sentence = key === undefined ? '' : sentenceIn(value[key], depth + 1)
    if (sentence !== '') return sentence
  }
  return ''
}

/** The sentence in JSON of any shape; empty where none is found. */
function sentenceIn(value: unknown, depth = 0, hasDetail = true): string {
  if (typeof value === 'string') return foreignText(value)
  if (depth > maxDepth) return ''
  if (Array.isArray(value)) {
    // What is said again and again, each time with another detail, is said once.
    const sentences = new Map<string, string>()
    for (const entry of value) {
      const key = sentenceIn(entry, depth + 1, false)
      if (!sentences.has(key)) sentences.set(key, sentenceIn(entry, depth + 1))
    }
    return [...sentences.values()].filter(Boolean).slice(0, mostEntries).join('; ')
  }
  if (!isJsonObject(value)) return ''
  const { code } = value
  const sentence = sentenceAt(value, sentenceFields, depth)
  const detail = hasDetail || sentence === '' ? sentenceAt(value, detailFields, depth) : ''
  const whole = sentence === '' || sentence.includes(detail) ? sentence || detail : detail === '' ? sentence : `${sentence} (${detail})`
  return depth > 0 && typeof code === 'string' && code !== '' ? [foreignText(code), whole].filter(Boolean).join(': ') : whole
}

/** The text of XML as object stores write it, the title of a web page, and anything else as it is. */
function sentenceOfText(text: string): string {
  if (!/^\s*</.test(text)) return foreignText(text)
  const [, xml, title] = /<Message>([^<]*)<|<title>([^<]*)</i.exec(text) ?? []
  return foreignText(xml ?? title ?? '')
}

/** Reads the body of an answer that is an error, in whatever form registries and what stands before them write it; 64 KiB of it at most. */
export function parseErrorBody(body: Uint8Array): ErrorReason {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 64 * 1024)).toString('utf8')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return { codes: [], digests: [], text: sentenceOfText(text).slice(0, maxTextLength) }
  }
  const errors = isJsonObject(document) ? document['errors'] : undefined
  const entries = Array.isArray(errors) ? errors.filter(isJsonObject) : []
  const codes = entries.map(({ code }) => code).filter((code): code is string => typeof code === 'string' && /^[A-Z_]{1,64}$/.test(code))
  // Looked for in the text: what is nested deeply is read, and cannot be walked.
  const digests = entries.length === 0 ? [] : [...new Set(text.match(/sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}/g))]
  const said = sentenceIn(document) || (isJsonObject(document) && Object.keys(document).length > 0 ? foreignText(text) : '')
  return { codes, digests, text: said.slice(0, maxTextLength) }
}
