/** Writes docs/lint-rules.md from the rules and their fixtures; with `--check` it only compares, and ends with 1 where they differ. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withFlags } from '../src/cli/output/flags.ts'
import { formatFindings, lintReport } from '../src/cli/output/lint-text.ts'
import { stylesFor } from '../src/cli/output/styles.ts'
import type { Rule } from '../src/registries-yaml/lint/rule.ts'
import { rules } from '../src/registries-yaml/lint/rules.ts'
import { writeRuleFiles } from '../test/registries-yaml/lint/rule-files.ts'
import { fixturesOf, lintFixture, type RuleFixture } from '../test/registries-yaml/lint/rule-fixtures.ts'
import { tempDir } from '../test/servers/temp-dir.ts'

const page = fileURLToPath(new URL('../docs/lint-rules.md', import.meta.url))
/** The directory that the page shows for the files of fixtures. */
const shownDirectory = '/etc/ssl/registry'
const plain = stylesFor({ isTTY: false }, {})

const head = `# Rules of \`k3s-mirror registries lint\`

Made by \`npm run generate\` from the rules and their fixtures.

| severity | means |
| --- | --- |
| error | nodes will not do what the file says: K3s does not start, a key never matches, credentials are not sent. \`lint\` exits with 4 |
| warning | it works, but not always, not safely, or not as it looks |
| info | worth knowing |

A file in which nothing is wrong gives no finding: standard output is empty, and standard error says so. A rule's severity is the usual one; some cases of a rule have another. In the examples an arrow
marks the places.
`

/** The fixture without the line of lint options, which the page mentions in its text. */
function withoutFlags(fixture: RuleFixture): RuleFixture {
  return { ...fixture, text: fixture.text.replace(/^# lint: .*\n/, '') }
}

function yaml({ text }: RuleFixture): string {
  return `\`\`\`yaml\n${text.replaceAll('${dir}', shownDirectory).trimEnd()}\n\`\`\`\n`
}

function optionsOf({ flags }: RuleFixture): string {
  const shown = flags.filter((flag) => flag !== '--no-files')
  return shown.length === 0 ? '' : `, with \`${shown.join(' ')}\``
}

async function section(id: string, { severity = 'error', title, about }: Rule, directory: string): Promise<string> {
  const fixtures = fixturesOf(id).map(withoutFlags)
  const bad = fixtures.find(({ name }) => name === 'bad')
  const good = fixtures.find(({ name }) => name === 'good')
  if (bad === undefined || good === undefined) throw new Error(`${id} has no bad.yaml and good.yaml`)
  const findings = formatFindings(lintReport('registries.yaml', await lintFixture(bad, directory)), plain)
    .replaceAll(directory, shownDirectory)
    // The certificates are made anew each time.
    .replaceAll(/[0-9]{4}-[0-9]{2}-[0-9]{2}/g, '<date>')
  return [
    `## ${id}\n`,
    `${title} (${severity}).\n`,
    `${withFlags(about)}\n`,
    `Wrong${optionsOf(bad)}:\n`,
    yaml(bad),
    `\`\`\`text\n${findings.trimEnd()}\n\`\`\`\n`,
    `Right${optionsOf(good)}:\n`,
    yaml(good),
  ].join('\n')
}

async function makePage(): Promise<string> {
  await using directory = await tempDir()
  await writeRuleFiles(directory.path)
  const table = [
    '| rule | severity | |',
    '| --- | --- | --- |',
    ...Object.entries(rules).map(([id, { severity = 'error', title }]) => `| [${id}](#${id}) | ${severity} | ${title} |`),
  ]
  const sections: string[] = []
  for (const [id, rule] of Object.entries(rules)) sections.push(await section(id, rule, directory.path))
  return [head, `${table.join('\n')}\n`, ...sections].join('\n')
}

function readPage(): string {
  try {
    return readFileSync(page, 'utf8')
  } catch {
    return ''
  }
}

const wanted = await makePage()
if (process.argv.includes('--check')) {
  if (readPage() !== wanted) {
    console.error('docs/lint-rules.md differs from the rules; run: npm run generate')
    process.exitCode = 1
  }
} else {
  mkdirSync(new URL('../docs/', import.meta.url), { recursive: true })
  writeFileSync(page, wanted)
}
