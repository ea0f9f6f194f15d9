import assert from 'node:assert/strict'
import { test } from 'node:test'
import schema from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' }
import AjvDraft04 from 'ajv-draft-04'
import { formatFailureSarif, formatLintSarif } from '../../../src/cli/output/lint-sarif.ts'
import { lintReport } from '../../../src/registries-yaml/lint/lint-report.ts'
import { lintRegistries } from '../../../src/registries-yaml/lint/lint.ts'
import { rules } from '../../../src/registries-yaml/lint/rules.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import { fixturesOf, lintFixture } from '../../registries-yaml/lint/rule-fixtures.ts'

const ajv = new AjvDraft04.default({ strict: false, validateFormats: false, unicodeRegExp: false })
const validate = ajv.compile(schema)

interface Region {
  readonly startLine: number
  readonly startColumn: number
  readonly endLine?: number
  readonly endColumn?: number
}

interface Result {
  readonly ruleId: string
  readonly ruleIndex: number
  readonly level: string
  readonly message: { readonly text: string }
  readonly locations: readonly [
    { readonly physicalLocation: { readonly artifactLocation: { readonly uri: string }; readonly region: Region } },
  ]
  readonly partialFingerprints: { readonly primaryLocationLineHash: string }
  readonly fixes?: readonly [
    {
      readonly artifactChanges: readonly [
        { readonly replacements: readonly { readonly deletedRegion: Region; readonly insertedContent?: { readonly text: string } }[] },
      ]
    },
  ]
}

interface Driver {
  readonly name: string
  readonly rules: readonly {
    readonly id: string
    readonly name: string
    readonly shortDescription: { readonly text: string }
    readonly fullDescription: { readonly text: string }
    readonly help: { readonly text: string; readonly markdown: string }
    readonly defaultConfiguration: { readonly level: string }
  }[]
}

interface Run {
  readonly tool: { readonly driver: Driver }
  readonly columnKind: string
  readonly invocations: readonly [{ readonly executionSuccessful: boolean; readonly toolExecutionNotifications?: readonly object[] }]
  readonly results: readonly Result[]
}

function read(text: string): Run {
  const log = JSON.parse(text) as { readonly runs: readonly [Run] }
  assert.ok(validate(log), JSON.stringify(validate.errors?.slice(0, 3)))
  return log.runs[0]
}

async function sarif(text: string, file = 'nodes/registries.yaml'): Promise<Run> {
  const findings = await lintRegistries(parseRegistries(text, file), { files: false })
  return read(formatLintSarif(lintReport(file, text, findings)))
}

const fingerprints = ({ results }: Run): readonly string[] => results.map((result) => result.partialFingerprints.primaryLocationLineHash)

test('the findings about every incorrect example are valid SARIF, without a value of auth', async () => {
  for (const rule of Object.keys(rules)) {
    for (const fixture of fixturesOf(rule).filter(({ isBad }) => isBad)) {
      const findings = await lintFixture(fixture, '/none')
      const text = formatLintSarif(lintReport('registries.yaml', fixture.text, findings))
      const { results, tool } = read(text)
      assert.equal(results.length, findings.length)
      assert.doesNotMatch(JSON.stringify(results), /"secret|secret"|hunter2/)
      for (const { ruleId, ruleIndex } of results) assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId)
    }
  }
})

test('every rule has the texts that code scanning shows', async () => {
  const { driver } = (await sarif('')).tool
  assert.deepEqual(
    driver.rules.map(({ id }) => id),
    Object.keys(rules),
  )
  for (const { name, shortDescription, fullDescription, help, defaultConfiguration } of driver.rules) {
    assert.match(name, /^[A-Z][A-Za-z0-9]+$/)
    assert.ok(shortDescription.text.length < 1024 && fullDescription.text.length < 1024)
    assert.doesNotMatch(shortDescription.text + help.text, /`/)
    assert.ok(help.markdown.length > 40)
    assert.match(defaultConfiguration.level, /^(?:error|warning|note)$/)
  }
})

test('regions count UTF-16 code units, without a byte order mark, also in a file with CRLF', async () => {
  const text = '\uFEFFmirrors: {"https://docker.io": {}} # 😀\r\nconfigs: {"😀": , "https://quay.io": {tls: {}}}\r\n'
  const { results, columnKind } = await sarif(text)
  assert.equal(columnKind, 'utf16CodeUnits')
  const regions = results
    .filter(({ ruleId }) => ruleId === 'key-with-scheme')
    .map(({ locations: [{ physicalLocation }] }) => physicalLocation.region)
  assert.deepEqual(regions, [
    { startLine: 1, startColumn: 11, endLine: 1, endColumn: 30 },
    { startLine: 2, startColumn: 19, endLine: 2, endColumn: 36 },
  ])
})

test('only a certain fix has replacements', async () => {
  const { results } = await sarif('mirrors:\n  "https://docker.io":\n    endpoint: ["registry.example.com"]\n')
  const fixes = results.map(({ ruleId, fixes: found }) => [ruleId, found?.[0].artifactChanges[0].replacements])
  assert.deepEqual(fixes, [
    [
      'key-with-scheme',
      [{ deletedRegion: { startLine: 2, startColumn: 3, endLine: 2, endColumn: 22 }, insertedContent: { text: '"docker.io"' } }],
    ],
    ['endpoint-without-scheme', undefined],
  ])
})

test('fingerprints stay when lines move, and differ from each other', async () => {
  const text =
    'mirrors:\n  https://docker.io: {endpoints: []}\n  https://quay.io: {endpoints: []}\nconfigs:\n  a: {auth: {user: b}}\n  a: {auth: {user: b}}\n'
  const before = fingerprints(await sarif(text))
  assert.equal(new Set(before).size, before.length)
  assert.ok(before.length > 5)
  const moved = text.replace('mirrors:\n', '# one\n\nmirrors: # two\n').replace('  https://quay.io', '\n    \n  https://quay.io')
  assert.deepEqual(fingerprints(await sarif(moved)), before)
})

test('a file below the working directory has a relative URI, and any other a whole one', async () => {
  for (const [file, uri] of [
    ['./nodes/a b#1.yaml', 'nodes/a%20b%231.yaml'],
    [`${process.cwd()}/registries.yaml`, 'registries.yaml'],
    ['/etc/rancher/k3s/registries.yaml', 'file:///etc/rancher/k3s/registries.yaml'],
    ['-', 'stdin'],
  ] as const) {
    const { results } = await sarif('mirrors: {"https://docker.io": {}}', file)
    assert.equal(results[0]?.locations[0].physicalLocation.artifactLocation.uri, uri)
  }
})

test('a file with which K3s does not start has a result, and one that cannot be read a notification', async () => {
  const { results, invocations } = await sarif('mirrors:\n\t*: {}\n')
  assert.deepEqual([results[0]?.ruleId, results[0]?.level, invocations[0].executionSuccessful], ['syntax', 'error', true])
  const failure = {
    ...reportHead('2026-01-01T00:00:00.000Z'),
    command: 'registries lint',
    error: { code: 'INVALID_CONFIG', message: 'cannot read x' },
  } as const
  const failed = read(formatFailureSarif(failure))
  assert.deepEqual([failed.results, failed.invocations[0].executionSuccessful], [[], false])
  assert.match(JSON.stringify(failed.invocations[0].toolExecutionNotifications), /INVALID_CONFIG.*cannot read x/)
})
