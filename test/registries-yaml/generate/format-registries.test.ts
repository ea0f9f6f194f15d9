import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatRegistries } from '../../../src/registries-yaml/generate/format-registries.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { noRegistries, type Mirror, type Registries, type RegistryConfig } from '../../../src/registries-yaml/registries.ts'

/** What YAML 1.1 has another meaning for than the text itself, or what needs an escape. */
const treacherous = [
  'yes',
  'Off',
  'n',
  '~',
  'null',
  'NULL',
  '',
  ' ',
  '<<',
  '=',
  '*',
  '&a',
  '!!int 1',
  '0123',
  '0x1F',
  '1_000',
  '12:30:45',
  '2026-11-25',
]
const awkward = [
  '1e3',
  '.inf',
  'a: b',
  'a #b',
  '# b',
  '- a',
  '? a',
  '%YAML 1.2',
  '---',
  '...',
  "it's",
  '"',
  '\\',
  'C:\\x',
  '[a',
  '{a',
  '`',
  '@',
  '|',
  '>',
]
const invisible = [
  '\t',
  'a\tb',
  'a\nb',
  '\n',
  'a\r\nb',
  'a\u0085b',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\u00a0',
  '\u007f',
  '\u0000',
  '\u{1f600}',
  '\uffff',
  ' a',
  'a ',
]

const text = fc.oneof(
  fc.constantFrom(...treacherous, ...awkward, ...invisible),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'binary' }),
)
const plain = { noNullPrototype: true } as const
const mirror: fc.Arbitrary<Mirror> = fc.record(
  { endpoints: fc.array(text, { maxLength: 4 }), rewrites: fc.array(fc.tuple(text, text)).map((all) => new Map(all)) },
  plain,
)
const auth = fc.record({ username: text, password: text, auth: text, identityToken: text }, plain)
const tls = fc.record({ caFile: text, certFile: text, keyFile: text, insecureSkipVerify: fc.boolean() }, plain)
const config: fc.Arbitrary<RegistryConfig> = fc.record(
  { auth: fc.option(auth, { nil: undefined }), tls: fc.option(tls, { nil: undefined }) },
  plain,
)
const mapOf = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<Map<string, T>> =>
  fc.array(fc.tuple(text, of), { maxLength: 5 }).map((all) => new Map(all))
const registries: fc.Arbitrary<Registries> = fc.record({ mirrors: mapOf(mirror), configs: mapOf(config) }, plain)

function read(yaml: string): Registries {
  const { registries: result, problems, remarks } = parseRegistries(yaml, 'registries.yaml')
  assert.deepEqual([problems, remarks], [[], []], yaml)
  return result
}

/** Key by key and in order, which deepEqual does not look at in a Map. */
function listed({ mirrors, configs }: Registries): unknown {
  return [[...mirrors].map(([name, { endpoints, rewrites }]) => [name, endpoints, [...rewrites]]), [...configs]]
}

test('written registries are read back unchanged, also with strings that look like other types', () => {
  fc.assert(
    fc.property(registries, (given) => assert.deepEqual(listed(read(formatRegistries(given))), listed(given))),
    { numRuns: 500 },
  )
})

test('comments do not change the registries', () => {
  const lines = fc.array(text, { maxLength: 4 })
  fc.assert(
    fc.property(registries, lines, lines, lines, (given, header, footer, blanks) => {
      const configs = new Map([...given.configs.keys()].map((host) => [host, blanks]))
      assert.deepEqual(listed(read(formatRegistries(given, { header, footer, configs }))), listed(given))
    }),
    { numRuns: 300 },
  )
})

test('mirrors precede configs, rewrites are quoted, and comments are in place', () => {
  const none = { auth: '', identityToken: '' }
  const given: Registries = {
    mirrors: new Map([
      ['docker.io', { endpoints: ['https://reg:5000'], rewrites: new Map([['^(.*)$', 'mirror/$1']]) }],
      ['*', { endpoints: ['http://reg'], rewrites: new Map() }],
    ]),
    configs: new Map([
      [
        'reg:5000',
        {
          tls: { caFile: '/ca.crt', certFile: '', keyFile: '', insecureSkipVerify: true },
          auth: { username: 'yes', password: '0123', ...none },
        },
      ],
    ]),
  }
  const comments = { header: ['one', '', 'two'], footer: ['below'], configs: new Map([['reg:5000', ['fill:', '  in: x']]]) }
  assert.equal(
    formatRegistries(given, comments),
    `# one
#
# two

mirrors:
  docker.io:
    endpoint:
      - https://reg:5000
    rewrite:
      "^(.*)$": "mirror/$1"
  "*":
    endpoint:
      - http://reg

configs:
  reg:5000:
    tls:
      ca_file: /ca.crt
      insecure_skip_verify: true
    auth:
      username: "yes"
      password: "0123"
    # fill:
    #   in: x

# below
`,
  )
})

test('empty registries become an empty file, also with comments', () => {
  assert.equal(formatRegistries(noRegistries), '')
  assert.equal(formatRegistries(noRegistries, { header: ['a'], footer: ['b'] }), '# a\n\n# b\n')
})

test('characters that K3s rejects or reads as a line break are escaped', () => {
  const password = 'a\u0085b\u2028c\u007fd\u{1f600}'
  const yaml = formatRegistries({
    mirrors: new Map(),
    configs: new Map([['reg', { tls: undefined, auth: { username: 'u', password, auth: '', identityToken: '' } }]]),
  })
  assert.match(yaml, /password: "a\\u0085b\\u2028c\\u007fd\u{1f600}"/u)
})
