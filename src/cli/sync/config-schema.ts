import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import publishedSchema from 'k3s-mirror/schemas/sync-config.schema.json' with { type: 'json' }
import { editDistance, nearestFirst } from '../../oci/nearest.ts'
import { quoted } from '../../text/printable.ts'
import type { ConfigDocument, ConfigPath, ConfigProblem } from './config-document.ts'
import { secretHint } from './expand-variables.ts'

/** What the schema says of a value, as far as messages use it. */
interface ValueSchema {
  readonly pattern?: string
  readonly description?: string
}

type Properties = Readonly<Record<string, ValueSchema>>

/** The parts of the schema whose keys messages suggest. */
interface ConfigSchema {
  readonly properties: Properties
  readonly $defs: { readonly entry: { readonly properties: Properties }; readonly options: { readonly properties: Properties } }
}

/** Keys of other tools, and of people who look for a place for a password. */
const secretKey = /^(?:user(?:name)?|pass(?:word|wd)?|token|auth|creds?|credentials?|secret|api[-_]?key|identity[-_]?token)$/i

/** Letters in which a misspelled key differs at most. */
const mostTypos = 3

const forms: Readonly<Record<string, string>> = {
  interval: 'expected a duration such as 30m, 1h or 1h30m',
  name: 'expected at most 63 letters, digits, ".", "_" and "-"',
  listSha256: 'expected 64 hexadecimal digits',
}

const nouns: Readonly<Record<string, string>> = {
  array: 'a list',
  'array,string': 'a string or a list of strings',
  boolean: 'true or false',
  integer: 'a whole number',
  object: 'a mapping',
  string: 'a string',
}

function pathOf(pointer: string): ConfigPath {
  const parts = pointer.split('/').slice(1)
  return parts.map((part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    return /^[0-9]+$/.test(key) ? Number(key) : key
  })
}

/** The keys that a mapping may have. */
function keysAt(path: ConfigPath, { properties, $defs: { entry, options } }: ConfigSchema): readonly string[] {
  if (path.length === 0) return Object.keys(properties)
  const shared = Object.keys(options.properties)
  return path[0] === 'sync' ? [...Object.keys(entry.properties), ...shared] : shared
}

/** A key as the CLI or another case spells it, without what does not count. */
function plain(key: string): string {
  return key.replace(/[-_]/g, '').toLowerCase().replace(/s$/, '')
}

function unknownKey(key: string, known: readonly string[]): Pick<ConfigProblem, 'why' | 'hint'> {
  if (secretKey.test(key)) return { why: `${quoted(key)} is refused: this file must not hold credentials`, hint: secretHint }
  const same = known.find((candidate) => plain(candidate) === plain(key))
  const [nearest = ''] = nearestFirst(key, known)
  const meant = same ?? (editDistance(key, nearest) <= Math.min(mostTypos, key.length / 2) ? nearest : undefined)
  return { why: `unknown key ${quoted(key)}`, hint: meant === undefined ? `use one of ${known.join(', ')}` : `Did you mean ${meant}?` }
}

/** What one error of the validator means; undefined for one that another error explains. */
function explain(error: ErrorObject, document: ConfigDocument, schema: ConfigSchema): ConfigProblem | undefined {
  const { keyword, instancePath, schemaPath, params } = error
  const path = pathOf(instancePath)
  const at = (why: string, hint?: string): ConfigProblem => ({ position: document.positionOf(path), why, hint })
  const label = path.findLast((part) => typeof part === 'string')
  const name = label ?? 'the file'
  if (schemaPath.includes('/anyOf/')) return undefined
  switch (keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      return { position: document.keyPositionOf([...path, key]), ...unknownKey(key, keysAt(path, schema)) }
    }
    case 'required':
      return at(
        `the key ${String(params['missingProperty'])} is missing`,
        params['missingProperty'] === 'schemaVersion' ? 'write schemaVersion: 1' : undefined,
      )
    case 'anyOf':
      return at('the entry selects no images', 'add releases, images or references')
    case 'type':
      return at(`${name} must be ${nouns[String(params['type'])] ?? String(params['type'])}`)
    case 'enum':
      return at(`${name} must be one of ${(params['allowedValues'] as readonly string[]).join(', ')}`)
    case 'const':
      return at(`unsupported ${name}: expected ${String(params['allowedValue'])}`)
    case 'minimum':
      return at(`${name} must be at least ${String(params['limit'])}`)
    case 'maximum':
      return at(`${name} must be at most ${String(params['limit'])}`)
    case 'pattern':
      return at(`invalid ${name}: ${forms[name] ?? 'unexpected characters'}`)
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return at(`${name} is empty`)
    case 'uniqueItems':
      return at(`${name} has the same value twice`)
    case 'not':
      return at(`${name} cannot be "-": sync does not read a list from standard input`, 'write the name of a file or a URL')
    default:
      return at(`${name} ${error.message ?? 'is invalid'}`)
  }
}

/** The published file, and what validates with it. */
interface Validator {
  readonly schema: ConfigSchema
  readonly validate: ValidateFunction
}

/** Compiled once: a program that watches reads its configuration again and again. */
let compiled: Validator | undefined

function validator(): Validator {
  if (compiled !== undefined) return compiled
  const schema: ConfigSchema = publishedSchema
  compiled = { schema, validate: new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema) }
  return compiled
}

/** Compares a document with `schemas/sync-config.schema.json` of this package: https://json-schema.org/draft/2020-12 */
export function findSchemaProblems(document: ConfigDocument): readonly ConfigProblem[] {
  const { schema, validate } = validator()
  if (validate(document.value)) return []
  const errors = validate.errors ?? []
  const misspelled = new Set(errors.filter(({ keyword }) => keyword === 'unevaluatedProperties').map(({ instancePath }) => instancePath))
  return errors
    .filter(({ keyword, instancePath }) => keyword !== 'anyOf' || !misspelled.has(instancePath))
    .flatMap((error) => explain(error, document, schema) ?? [])
}
