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

before(async () => {
  directory = await tempDir()
  await writeRuleFiles(directory.path)
})
after(() => directory[Symbol.asyncDispose]())

for (const [id, { title, about, severity = 'error' }] of Object.entries(rules)) {
  const fixtures = fixturesOf(id)

  test(`${id} is documented and has fixtures`, () => {
    assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    assert.ok(title.length >= 10 && title.length <= 80, 'a title is some words')
    assert.doesNotMatch(title, /\.$/)
    assert.match(about, /^[^]{40,}\.$/, 'what it is about takes a sentence')
    assert.ok(['error', 'warning', 'info'].includes(severity))
    const names = new Set(fixtures.map(({ name }) => name))
    assert.ok(names.has('bad') && names.has('good'), `fixtures/registries-yaml/rules/${id} needs bad.yaml and good.yaml`)
  })

  for (const fixture of fixtures) {
    test(`${id}: ${fixture.name}.yaml`, async () => {
      const findings = await lintFixture(fixture, directory.path)
      if (!fixture.isBad) return assert.deepEqual(findings, [], 'nothing is wrong here')
      assert.deepEqual([...new Set(findings.map(({ rule }) => rule))], [id], JSON.stringify(findings, undefined, 1))
      const expected = expectedPlaces(fixture)
      const found = findings.map(({ position, severity }) => ({ line: position.line, severity }))
      if (expected.length > 0) assert.deepEqual(found, expected, JSON.stringify(findings, undefined, 1))
      for (const { message, fix, position } of findings) {
        assert.match(message, /^[^\n]{10,400}$/)
        assert.doesNotMatch(message, /\.$/, 'a message is no sentence')
        assert.match(fix, /^[A-Z"][^\n]{5,400}\.$/, 'a fix is a sentence')
        assert.doesNotMatch(message + fix, /secret|xxxxxx/)
        assert.ok(position.column >= 1)
      }
    })
  }
}

test('every folder of fixtures is of a rule', () => {
  assert.deepEqual(foldersOfRules(), Object.keys(rules).toSorted())
})

const pages: Readonly<Record<string, readonly string[]>> = {
  'tls-auth': ['unmatched-config'],
  tls: ['unmatched-config'],
  auth: ['unmatched-config'],
  plain: [],
}
for (const [name, expected] of Object.entries(pages)) {
  test(`the documentation's example: ${name}`, async () => {
    const text = readFileSync(new URL(`../../../fixtures/registries-yaml/docs-page/${name}.yaml`, import.meta.url), 'utf8')
    const findings = await lintRegistries(parseRegistries(text, name))
    assert.deepEqual(
      findings.map(({ rule, severity, position }) => [rule, severity, position.line, position.column]),
      expected.map((rule) => [rule, 'error', 6, 3]),
    )
    for (const { message } of findings) assert.match(message, /"mycustomreg:5000".*"mycustomreg\.com:5000"/)
  })
}

const lint = (text: string) => lintRegistries(parseRegistries(text, 'registries.yaml'), { files: false })

test('a file that K3s does not start with is judged by its reading alone', async () => {
  const findings = await lint(`mirrors:
  docker.io:
    endpoint: https://registry.example.com:5000
  "https://quay.io":
    endpoint: [registry.example.com, "https://bad host"]
configs:
  registry.example.com: {auth: {username: k3s, password: hunter2}}
`)
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['string-for-list'],
  )
})

test('what several mirrors share through an alias is told once', async () => {
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

test('before certs.d an empty mirror did exempt its registry from the wildcard', async () => {
  const text = 'mirrors: {"*": {endpoint: ["https://registry.example.com"]}, quay.io: }\n'
  for (const [version, count] of [
    ['v1.28.5+k3s1', 0],
    ['v1.28.6+k3s1', 1],
  ] as const) {
    const findings = await lintRegistries(parseRegistries(text, 'registries.yaml'), { version: parseVersion(version) })
    assert.equal(findings.filter(({ rule }) => rule === 'wildcard-exemption').length, count, version)
  }
})

test('an empty file has nothing wrong', async () => {
  for (const text of ['', '# nothing\n', 'mirrors:\nconfigs:\n', '{}', '---\n...\n']) assert.deepEqual(await lint(text), [], text)
})

test('beside a wildcard an empty mirror is told of once, with the flag too', async () => {
  const text = 'mirrors: {"*": {endpoint: ["https://registry.example.com"]}, quay.io: }\n'
  const parsed = parseRegistries(text, 'registries.yaml')
  const findings = await lintRegistries(parsed, { disableDefaultEndpoint: true })
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['wildcard-exemption'],
  )
})

test('an empty auth under the wildcard is no credentials', async () => {
  const findings = await lint('configs: {"*": {auth: {username: }}}\n')
  assert.ok(findings.every(({ rule }) => rule !== 'wildcard-config'))
})

test('an empty key names no registry', async () => {
  assert.match((await lint('mirrors: {"": {endpoint: ["https://registry.example.com"]}}\n'))[0]?.message ?? '', /it is empty$/)
})

test('in 2023 brackets were no matter where there was no hosts.toml', async () => {
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

test('whatever keys and endpoints hold, rules say no value of auth, and nothing unfit for a line', async () => {
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
