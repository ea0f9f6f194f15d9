import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { lintRegistries } from '../../../src/registries-yaml/lint/lint.ts'
import { rules } from '../../../src/registries-yaml/lint/rules.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { parseVersion } from '../../../src/release/version.ts'
import { tempDir, type TempDir } from '../../servers/temp-dir.ts'
import { writeRuleFiles } from './rule-files.ts'
import { expectedPlaces, fixturesOf, foldersOfRules, lintFixture } from './rule-fixtures.ts'

let directory: TempDir

/** Lower case, without a full stop, and with one of the verbs that fixes use. */
const imperative =
  /^(?:write|remove|add|use|merge|keep|list|correct|replace|renew|create|rename|run|upgrade|start|put|enable) [^\n]{3,400}(?<![a-z")]\.)$/

before(async () => {
  directory = await tempDir()
  await writeRuleFiles(directory.path)
})
after(() => directory[Symbol.asyncDispose]())

for (const [id, { title, about, severity = 'error' }] of Object.entries(rules)) {
  const fixtures = fixturesOf(id)

  test(`${id} is documented and has fixtures`, () => {
    assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    assert.ok(title.length >= 10 && title.length <= 80, 'a title has a few words')
    assert.doesNotMatch(title, /\.$/)
    assert.match(about, /^[^]{40,}\.$/, 'the documentation has at least one sentence')
    assert.ok(['error', 'warning', 'info'].includes(severity))
    const names = new Set(fixtures.map(({ name }) => name))
    assert.ok(names.has('bad') && names.has('good'), `fixtures/registries-yaml/rules/${id} needs bad.yaml and good.yaml`)
  })

  for (const fixture of fixtures) {
    test(`${id}: ${fixture.name}.yaml`, async () => {
      const all = await lintFixture(fixture, directory.path)
      // This rule accompanies every error that stops lint, and has no fixture without one.
      const findings = all.filter(({ rule }) => (rule === 'rest-not-checked') === (id === 'rest-not-checked'))
      if (!fixture.isBad) return assert.deepEqual(all, [])
      assert.deepEqual([...new Set(findings.map(({ rule }) => rule))], [id], JSON.stringify(findings, undefined, 1))
      const expected = expectedPlaces(fixture)
      const found = findings.map(({ position, severity }) => ({ line: position.line, severity }))
      if (expected.length > 0) assert.deepEqual(found, expected, JSON.stringify(findings, undefined, 1))
      for (const { message, fix, position } of findings) {
        assert.match(message, /^[^\n]{10,400}$/)
        assert.doesNotMatch(message, /\.$/, 'a message has no full stop')
        assert.match(fix, imperative)
        assert.doesNotMatch(message + fix, /secret|xxxxxx/)
        assert.ok(position.column >= 1)
      }
    })
  }
}

test('every folder of fixtures belongs to a rule', () => {
  assert.deepEqual(foldersOfRules(), Object.keys(rules).toSorted())
})

const placeholder = 'auth-placeholder 8'
const pages: Readonly<Record<string, readonly string[]>> = {
  'tls-auth': ['unmatched-config 6', placeholder],
  tls: ['unmatched-config 6'],
  auth: ['unmatched-config 6', placeholder],
  plain: [],
}
for (const [name, expected] of Object.entries(pages)) {
  test(`the example ${name} of the documentation`, async () => {
    const text = readFileSync(new URL(`../../../fixtures/registries-yaml/docs-page/${name}.yaml`, import.meta.url), 'utf8')
    const findings = await lintRegistries(parseRegistries(text, name))
    assert.deepEqual(
      findings.map(({ rule, position }) => `${rule} ${position.line}`),
      expected,
    )
    assert.ok(findings.every(({ severity }) => severity === 'error'))
    if (name !== 'plain') assert.match(findings[0]?.message ?? '', /"mycustomreg:5000".*"mycustomreg\.com:5000"/)
  })
}

const lint = (text: string) => lintRegistries(parseRegistries(text, 'registries.yaml'), { files: false })

const mistakes = (endpoint: string): string => `mirrors:
  docker.io:
    endpoint: ${endpoint}
  "https://quay.io":
    endpoint: [registry.example.com, "https://bad host"]
configs:
  registry.example.com: {auth: {username: k3s, password: hunter2}, tls: {insecure_skip_verify: "true"}}
`

test('lint checks the rest of a file with a single endpoint or a quoted boolean', async () => {
  const findings = await lint(mistakes('registry.example.com:5000'))
  assert.deepEqual(
    findings.map(({ rule, position }) => `${position.line} ${rule}`),
    [
      '3 endpoint-without-scheme',
      '3 string-for-list',
      '4 key-with-scheme',
      '5 endpoint-without-scheme',
      '5 endpoint-invalid',
      '7 insecure-skip-verify',
      '7 quoted-boolean',
    ],
  )
})

test('lint reports that it did not check the rest of a file with another type error', async () => {
  for (const [text, problem] of [
    [mistakes('{a: b}'), 'wrong-type'],
    [mistakes('[a'), 'syntax'],
  ] as const) {
    const rules = (await lint(text)).map(({ rule }) => rule)
    assert.deepEqual([rules.includes(problem), rules.includes('rest-not-checked')], [true, true], rules.join())
    assert.deepEqual(
      rules.filter((rule) => !['wrong-type', 'syntax', 'quoted-boolean', 'rest-not-checked'].includes(rule)),
      [],
    )
  }
})

test('lint reports an item that several mirrors share through an alias once', async () => {
  const findings = await lint(`mirrors:
  docker.io: &shared
    endpoints: []
    endpoint: ["registry.example.com:5000", "https://harbor.example.com/hub"]
  quay.io: *shared
  ghcr.io: {<<: *shared}
`)
  assert.deepEqual(
    findings.map(({ rule, position }) => `${position.line} ${rule}`),
    ['3 unknown-key', '4 endpoint-without-scheme', '4 endpoint-path'],
  )
})

test('the embedded registry does not move findings to other endpoints', async () => {
  const text = 'mirrors:\n  docker.io:\n    endpoint:\n      - https://good.example.com\n      - "https://bad host"\n'
  const findings = await lintRegistries(parseRegistries(text, 'registries.yaml'), { files: false, embeddedRegistry: true })
  assert.deepEqual(
    findings.map(({ rule, position }) => [rule, position.line]),
    [['endpoint-invalid', 5]],
  )
})

test('an empty mirror exempts its registry from the wildcard only in versions before certs.d', async () => {
  const text = 'mirrors: {"*": {endpoint: ["https://registry.example.com"]}, quay.io: }\n'
  for (const [version, count] of [
    ['v1.28.5+k3s1', 0],
    ['v1.28.6+k3s1', 1],
  ] as const) {
    const findings = await lintRegistries(parseRegistries(text, 'registries.yaml'), { version: parseVersion(version) })
    assert.equal(findings.filter(({ rule }) => rule === 'wildcard-exemption').length, count, version)
  }
})

test('an empty file has no findings', async () => {
  for (const text of ['', '# nothing\n', 'mirrors:\nconfigs:\n', '{}', '---\n...\n']) assert.deepEqual(await lint(text), [], text)
})

test('lint reports an empty mirror next to a wildcard once, also with the flag', async () => {
  const text = 'mirrors: {"*": {endpoint: ["https://registry.example.com"]}, quay.io: }\n'
  const parsed = parseRegistries(text, 'registries.yaml')
  const findings = await lintRegistries(parsed, { disableDefaultEndpoint: true })
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['wildcard-exemption'],
  )
})

test('lint does not report an empty auth under the wildcard as credentials', async () => {
  const findings = await lint('configs: {"*": {auth: {username: }}}\n')
  assert.ok(findings.every(({ rule }) => rule !== 'wildcard-config'))
})

test('lint reports an empty key', async () => {
  assert.match((await lint('mirrors: {"": {endpoint: ["https://registry.example.com"]}}\n'))[0]?.message ?? '', /it is empty$/)
})

test('IPv6 brackets are valid in versions without hosts.toml', async () => {
  const text = 'mirrors: {docker.io: {endpoint: ["https://[fd00::1]:5000"]}}\n'
  const findings = await lintRegistries(parseRegistries(text, 'registries.yaml'), { version: parseVersion('v1.26.1+k3s1') })
  assert.deepEqual(findings, [])
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    'https://u:hunter2@h',
    'u:hunter2@h:1',
    'h?token=hunter2',
    '*',
    '',
    'fd00::1',
    '[::1]:1',
    'docker.io',
    'a'.repeat(3000),
    '\u202e\u0007',
    'https://u:p/hunter2@h/p',
    '://',
    'H/',
  ),
)

test('findings contain no value of auth and no control character, whatever the keys and endpoints contain', async () => {
  const auth = fc.record({ username: fc.constant('hunter2'), password: fc.constant('hunter2') })
  const file = fc.record({
    mirrors: fc.dictionary(hostile, fc.record({ endpoint: fc.array(hostile, { maxLength: 3 }) }), { maxKeys: 4 }),
    configs: fc.dictionary(hostile, fc.oneof(fc.constant({}), fc.record({ auth }), fc.record({ tls: fc.constant({}) })), { maxKeys: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(file, fc.boolean(), async (content, isDefaultDisabled) => {
      const parsed = parseRegistries(JSON.stringify(content), 'registries.yaml')
      const findings = await lintRegistries(parsed, { files: false, disableDefaultEndpoint: isDefaultDisabled })
      for (const { message, fix } of findings) {
        assert.doesNotMatch(message + fix, /hunter2|[\p{Cc}\p{Cf}]/u)
        assert.ok(message.length < 1000 && fix.length < 1000)
      }
    }),
    { numRuns: 300 },
  )
})
