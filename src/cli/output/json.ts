import { redactUserinfo } from '../../text/redact.ts'
import { withFlags } from './flags.ts'
import type { Renderer, TextOutput } from './renderer.ts'

/** Fields of documents and events with texts of the library. */
const texts = new Set(['fix', 'hint', 'message', 'notes', 'reason', 'warnings'])

/** A document for `--output json` and `--report`, on one line without a newline; userinfo in any string is replaced. */
export function formatJson(document: object): string {
  return JSON.stringify(document, (key, value: unknown) => {
    if (typeof value === 'string') return redactUserinfo(texts.has(key) ? withFlags(value) : value)
    return texts.has(key) && Array.isArray(value)
      ? value.map((text: unknown) => (typeof text === 'string' ? withFlags(text) : text))
      : value
  })
}

/** For programs: one JSON event a line (https://github.com/ndjson/ndjson-spec), each with the `time` it came at in ISO 8601 and otherwise as it is. */
export function eventsNdjson(output: TextOutput, { date = (): Date => new Date() } = {}): Renderer {
  return {
    event: (event) => void output.write(`${formatJson({ time: date().toISOString(), ...event })}\n`),
    end: () => undefined,
  }
}
