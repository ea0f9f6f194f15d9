import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createGenerator } from 'ts-json-schema-generator'
import { withFlags } from '../../src/cli/output/flags.ts'
import { fieldNotes } from './field-notes.ts'

/** The parts of JSON Schema that the generator writes. */
export interface JsonSchema {
  readonly $schema?: string
  readonly $id?: string
  readonly title?: string
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly additionalProperties?: boolean | JsonSchema
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Fields that hold a moment in ISO 8601. */
const moments = new Set(['startedAt', 'finishedAt', 'time'])

/** The event types that have a comment of their own in the source: the generator drops comments on members of a union. */
function eventNotes(): ReadonlyMap<string, string> {
  const source = readFileSync(`${root}src/copy/events.ts`, 'utf8')
  const commented = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\|\s*\(?\{\s*readonly type: '([\w-]+)'/g
  return new Map(
    [...source.matchAll(commented)].map(([, comment = '', type = '']) => [
      type,
      comment
        .replace(/^\s*\* ?/gm, '')
        .replace(/\s+/g, ' ')
        .trim(),
    ]),
  )
}

/** Adds what the types do not say: formats, and the texts of events and of fields that many types share. Throws for a field without a description. */
function described(schema: JsonSchema, where: string, notes: ReadonlyMap<string, string>): JsonSchema {
  const { properties, items, anyOf, additionalProperties } = schema
  const type = properties?.['type']?.const
  const note = typeof type === 'string' ? notes.get(type) : undefined
  if (typeof type === 'string' && note === undefined) throw new Error(`the event ${type} has no description: write a comment above it`)
  return {
    ...schema,
    ...(note !== undefined && { description: note }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => {
          const at = `${where}.${name}`
          const description = field.description ?? fieldNotes[at] ?? fieldNotes[name]
          if (description === undefined) throw new Error(`${at} has no description: write a comment at its type`)
          return [
            name,
            { ...described(field, at, notes), description: withFlags(description), ...(moments.has(name) && { format: 'date-time' }) },
          ]
        }),
      ),
    }),
    ...(items !== undefined && { items: described(items, where, notes) }),
    ...(anyOf !== undefined && { anyOf: anyOf.map((one) => described(one, where, notes)) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: described(additionalProperties, where, notes) }),
  }
}

/** The schema of an exported type of a file in `src/report/`, in the draft of 2020-12. Unknown fields are valid: a later version may add some. */
export function makeSchema(
  type: string,
  { id, title, file = 'report-document.ts' }: { readonly id: string; readonly title: string; readonly file?: string },
): JsonSchema {
  const generator = createGenerator({
    path: `${root}src/report/${file}`,
    tsconfig: `${root}tsconfig.json`,
    type,
    additionalProperties: true,
    expose: 'export',
    jsDoc: 'extended',
    skipTypeCheck: true,
    topRef: true,
  })
  const made = JSON.stringify(generator.createSchema(type)).replaceAll('#/definitions/', '#/$defs/')
  const { $ref, definitions } = JSON.parse(made) as JsonSchema & { readonly definitions: Readonly<Record<string, JsonSchema>> }
  const notes = eventNotes()
  const $defs = Object.fromEntries(
    Object.entries(definitions)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, definition]) => [name, described(definition, name, notes)]),
  )
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: id, title, ...($ref !== undefined && { $ref }), $defs }
}
