import type { JsonSchema } from './make-schema.ts'

function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', String.raw`\|`)
}

function anchor(name: string): string {
  return `[${name}](#${name.toLowerCase()})`
}

/** A type for a cell: a link to another table, an enumeration, or the JSON type. */
function typeOf(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return anchor(schema.$ref.replace('#/$defs/', ''))
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ')
  if (schema.items !== undefined) return `array of ${typeOf(schema.items)}`
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  return [schema.type ?? 'object'].flat().join(' or ')
}

/** One row for each field, those of an object within it after it. */
function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix = ''): readonly string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const presence = required.includes(name) ? 'always' : 'optional'
    const row = `| \`${prefix}${name}\` | ${cell(typeOf(field))} | ${presence} | ${cell(field.description ?? '')} |`
    return [row, ...rowsOf(field, `${prefix}${name}.`), ...(field.items === undefined ? [] : rowsOf(field.items, `${prefix}${name}[].`))]
  })
}

/** The table of an object's fields. */
export function fieldTable(schema: JsonSchema): string {
  return ['| field | type | present | meaning |', '| --- | --- | --- | --- |', ...rowsOf(schema)].join('\n')
}

/** A definition as a section: the table of an object, or the values of an enumeration. */
export function definitionSection(name: string, schema: JsonSchema): string {
  const text = schema.description === undefined ? '' : `${schema.description.replace(/\s+/g, ' ')}\n\n`
  const body = schema.properties === undefined ? `${typeOf(schema)}\n` : `${fieldTable(schema)}\n`
  return `### ${name}\n\n${text}${body}`
}
