import { redactUserinfo } from '../../text/redact.ts'
import type { Renderer, TextOutput } from './renderer.ts'

/** A document for `--output json` and `--report`, on one line without a newline; userinfo in any string is replaced. */
export function formatJson(document: object): string {
  return JSON.stringify(document, (_key, value: unknown) => (typeof value === 'string' ? redactUserinfo(value) : value))
}

/** For programs: one JSON event a line (https://github.com/ndjson/ndjson-spec), each with the `time` it came at in ISO 8601 and otherwise as it is. */
export function eventsNdjson(output: TextOutput, { date = (): Date => new Date() } = {}): Renderer {
  return {
    event: (event) => void output.write(`${formatJson({ time: date().toISOString(), ...event })}\n`),
    end: () => undefined,
  }
}
