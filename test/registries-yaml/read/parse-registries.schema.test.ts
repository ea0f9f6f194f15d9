import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv, type AnySchemaObject } from 'ajv'
import fc from 'fast-check'
import { parse } from 'yaml'
import { rules } from '../../../src/registries-yaml/lint/rules.ts'
import { parseRegistries, registriesSchema } from '../../../src/registries-yaml/read/parse-registries.ts'
import type { Schema } from '../../../src/registries-yaml/read/yaml-schema.ts'
import { fixturesOf } from '../lint/rule-fixtures.ts'

const schema = JSON.parse(readFileSync(new URL('../../../schemas/registries.schema.json', import.meta.url), 'utf8')) as AnySchemaObject
// Editors show the keyword deprecationMessage.
const validate = new Ajv({ allowUnionTypes: true, keywords: ['deprecationMessage'] }).compile(schema)

/** What an editor reads: YAML 1.2 with merge keys. */
const accepts = (text: string): boolean => true === validate(parse(text, { merge: true, uniqueKeys: false, logLevel: 'silent' }))

test('the schema accepts the correct example of every rule', () => {
  for (const rule of Object.keys(rules)) {
    for (const { name, text, isBad } of fixturesOf(rule)) {
      if (!isBad) assert.ok(accepts(text), `${rule}/${name}: ${JSON.stringify(validate.errors)}`)
    }
  }
})

/** Rules whose findings an editor shows too. */
const shownByEditors = [
  'key-with-scheme',
  'key-with-path',
  'key-with-wildcard',
  'string-for-list',
  'quoted-boolean',
  'unknown-key',
  'token-under-auth',
]

test('the schema rejects the common mistakes', () => {
  for (const rule of shownByEditors) {
    for (const { name, text, isBad } of fixturesOf(rule)) if (isBad && name === 'bad') assert.ok(!accepts(text), `${rule}/${name}`)
  }
})

function resolve({ $ref, ...rest }: AnySchemaObject): AnySchemaObject {
  return typeof $ref === 'string'
    ? { ...(schema['definitions'] as Record<string, AnySchemaObject>)[$ref.replace('#/definitions/', '')], ...rest }
    : rest
}

/** Compares one type of the reader with its part of the schema. */
function compare(wanted: Schema, part: AnySchemaObject, path: string): void {
  const found = resolve(part)
  assert.ok(String(found['description']).length > 10, `${path} has a description`)
  if (wanted.type === 'struct') {
    const properties = found['properties'] as Record<string, AnySchemaObject>
    assert.deepEqual(Object.keys(properties).toSorted(), Object.keys(wanted.fields).toSorted(), path)
    assert.equal(found['additionalProperties'], false, path)
    for (const [key, field] of Object.entries(wanted.fields)) compare(field, properties[key] ?? {}, `${path}.${key}`)
  } else if (wanted.type === 'map') compare(wanted.of, found['additionalProperties'] as AnySchemaObject, `${path}.*`)
  else if (wanted.type === 'list') compare(wanted.of, found['items'] as AnySchemaObject, `${path}[]`)
}

test('the schema has the keys that K3s reads, with a description each', () => {
  compare({ ...registriesSchema }, schema, 'registries.yaml')
})

const word = fc.constantFrom('a', '1', true, null, 'yes')
const known = fc.constantFrom(
  'mirrors',
  'configs',
  'auths',
  'docker.io',
  'endpoint',
  'rewrite',
  'auth',
  'tls',
  'username',
  'ca_file',
  'token',
  'x',
)
const value: fc.Arbitrary<unknown> = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    word,
    fc.array(word, { maxLength: 2 }),
    fc.dictionary(known, tie('node'), { maxKeys: 3 }),
  ),
})).node

test('the schema accepts only files with which K3s starts and of which it ignores no key', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('mirrors', 'configs', 'auths'), value, { maxKeys: 2 }), (file) => {
      const { problems, remarks } = parseRegistries(JSON.stringify(file), 'registries.yaml')
      const ignored = remarks.filter(({ kind, path }) => kind === 'unknown-key' && path[0] !== 'auths')
      if (validate(file)) assert.deepEqual([problems, ignored], [[], []])
    }),
    { numRuns: 2000 },
  )
})
