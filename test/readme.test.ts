import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parsePage } from '../scripts/docs/page.ts'
import { allCommands } from '../src/cli/command-table.ts'
import { exitCodes } from '../src/cli/exit-code.ts'
import { errorCodes } from '../src/errors.ts'
import { runCli } from './servers/run-cli.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (page: string): string => readFileSync(`${root}/${page}`, 'utf8')
const generated: ReadonlySet<string> = new Set(['docs/cli-reference.md', 'docs/lint-rules.md', 'docs/errors.md', 'docs/report.md'])
const pages = ['README.md', ...readdirSync(`${root}/docs`).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))]
const written = pages.filter((page) => !generated.has(page))
const readme = read('README.md')

/** Options of other programs that the pages name. */
const foreignOptions: ReadonlySet<string> = new Set([
  '--all',
  '--base',
  '--delete-untagged',
  '--env',
  '--from-file',
  '--init',
  '--system-default-registry',
  '--tmpfs',
  '--type',
  '--volume',
])

/** The part of a page under a heading. */
function section(page: string, heading: string): string {
  const found = read(page)
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`))
  assert.ok(found, `${page} has no section "${heading}"`)
  return found
}

/** The first cells of a table's rows. */
function firstCells(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1] ?? '').slice(2)
}

/** A page without its blocks of code. */
function prose(page: string): string {
  return read(page).replaceAll(/^( *)```.*\n[^]*?^\1```$/gm, '')
}

/** The anchors that GitHub gives the headings of a page. */
function anchors(page: string): ReadonlySet<string> {
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '')
  const named = [...read(page).matchAll(/<a (?:id|name)="([^"]+)"/g)].map((match) => match[1] ?? '')
  const slugs = headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set([...slugs, ...named])
}

async function help(...command: readonly string[]): Promise<string> {
  const { status, stdout } = await runCli([...command, '--help'])
  assert.equal(status, 0)
  return stdout
}

/** The commands of a page that start k3s-mirror, those in a pipe too. */
function ownCommands(page: string): readonly string[] {
  const blocks = [...read(page).matchAll(/^( *)```(?:console|sh)\b.*\n([^]*?)^\1```$/gm)].map((match) => match[2] ?? '')
  return blocks.flatMap((block) =>
    block
      .replaceAll(/\\\n/g, ' ')
      .split(/\n|&&|\|/)
      .filter((command) => /^(?:\$ )?(?:\w+=\S+ )*k3s-mirror /.test(command.trim())),
  )
}

test('the README fits ten kilobytes and 120 columns', () => {
  assert.ok(Buffer.byteLength(readme) <= 10_000, `${Buffer.byteLength(readme)} bytes`)
  const long = readme.split('\n').filter((line) => line.length > 120)
  assert.deepEqual(long, [])
})

test('the README has every section in its table of contents', () => {
  const headings = [...readme.matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? '')
  const listed = [...readme.slice(0, readme.indexOf('\n## ')).matchAll(/\[([^\]]+)\]\(#/g)].map((match) => match[1] ?? '')
  assert.deepEqual(listed, headings)
})

test('the README names the commands for a fresh clone', () => {
  for (const command of ['npm ci && npm run demo', 'npm ci && npm test']) assert.ok(readme.split('\n').includes(command), command)
})

test('docs/install.md installs the archive that npm pack makes', () => {
  const { name, version } = JSON.parse(read('package.json')) as { readonly name: string; readonly version: string }
  assert.ok(section('docs/install.md', 'npm package').includes(`\nnpm install -g ./${name}-${version}.tgz\n`))
  for (const page of written) {
    for (const [, archive] of read(page).matchAll(/(k3s-mirror-\d[\w.]*\.tgz)/g)) assert.equal(archive, `${name}-${version}.tgz`, page)
  }
})

test('the command table of the README is the one of --help', async () => {
  const named = [...section('README.md', 'Commands').matchAll(/^\| `k3s-mirror ([a-z]+)` \|/gm)].map((match) => match[1])
  const listed = [...(await help()).matchAll(/^ {2}([a-z]+) .*\S/gm)].map((match) => match[1]).filter((name) => name !== 'help')
  assert.deepEqual(new Set(named), new Set(listed))
})

test('every option that the pages name exists', () => {
  const known = new Set(['--help', '--version', ...allCommands().flatMap(({ definition }) => definition.options.map(({ flag }) => flag))])
  const unknown = written.flatMap((page) => {
    const inline = [...prose(page).matchAll(/`([^`]+)`/g)].flatMap((match) =>
      /^(?:k3s-mirror|--|bundle|mirror|serve|verify|npm run)/.test(match[1] ?? '') ? [match[1] ?? ''] : [],
    )
    const named = [...inline, ...ownCommands(page)].flatMap((text) =>
      [...text.matchAll(/(?<![\w-])(--[a-z][a-z0-9-]*)/g)].map((match) => match[1] ?? ''),
    )
    return named.flatMap((option) => (known.has(option) || foreignOptions.has(option) ? [] : [`${page}: ${option}`]))
  })
  assert.deepEqual([...new Set(unknown)], [])
})

test('the exit codes of the pages are those of the program', () => {
  const codes = firstCells(section('docs/pipelines.md', 'Exit codes')).flatMap((cell) => cell.split(', ').map(Number))
  assert.deepEqual(codes, Object.values(exitCodes))
})

test('the error codes of the pages exist', () => {
  const codes = [...read('docs/troubleshooting.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1] ?? '')
  assert.ok(codes.length > 10)
  for (const code of codes) assert.ok((errorCodes as readonly string[]).includes(code), code)
})

test('every link between pages resolves, with its anchor', () => {
  const broken = written.flatMap((page) =>
    [...prose(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].flatMap(([, path = '', anchor]) => {
      const target = path === '' ? page : join(dirname(page), path)
      if (!existsSync(`${root}/${target}`)) return [`${page}: ${target}`]
      return anchor === undefined || anchors(target).has(anchor) ? [] : [`${page}: ${target}#${anchor}`]
    }),
  )
  assert.deepEqual(broken, [])
})

test('every page states its goal, and both indexes list it', () => {
  for (const page of written.filter((name) => !name.endsWith('README.md'))) {
    assert.match(read(page), /^# .+\n\nGoal: /m, page)
    assert.ok(readme.includes(`(${page})`), `README.md does not link ${page}`)
    assert.ok(read('docs/README.md').includes(`(${page.slice('docs/'.length)})`), `docs/README.md does not link ${page}`)
  }
})

test('no page has a command block that the runner cannot read', () => {
  for (const page of pages) assert.doesNotThrow(() => parsePage(read(page)), page)
})
