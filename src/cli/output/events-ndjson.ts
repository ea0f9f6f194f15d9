import type { MirrorEvent } from '../../copy/events.ts'
import { formatJson } from './json.ts'
import type { Renderer, TextOutput } from './renderer.ts'

/** For programs: one JSON event a line (https://github.com/ndjson/ndjson-spec), each with the `time` it came at in ISO 8601 and otherwise as it is. */
export function eventsNdjson(output: TextOutput, options: { readonly date?: () => Date } = {}): Renderer {
  const date = options.date ?? ((): Date => new Date())
  return {
    event(event: MirrorEvent): void {
      output.write(`${formatJson({ time: date().toISOString(), ...event })}\n`)
    },
    end(): void {},
  }
}
