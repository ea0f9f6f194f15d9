import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { parseSync } from 'oxc-parser'
import type { CliProcess } from '../../../src/cli/cli-process.ts'
import { flagsByOption, withFlags } from '../../../src/cli/output/flags.ts'
import { formatJson } from '../../../src/cli/output/json.ts'
import { createProgram } from '../../../src/cli/program.ts'

const source = fileURLToPath(new URL('../../../src', import.meta.url))

/** Flags of other programs that texts name, by the file that names them. */
const foreign: Readonly<Record<string, readonly string[]>> = {
  'bundle/scan-tar.ts': ['--sparse'],
  'bundle/compression.ts': ['--format'],
  'kit/push-kit-files.ts': ['--check'],
}
/** What writes documents with commands for a shell. */
const documents: ReadonlySet<string> = new Set(['kit/kit-readme.ts'])
const flagsOfK3s = new Set(['--disable-default-registry-endpoint', '--embedded-registry', '--pause-image', '--system-default-registry'])

function flagsOf({ commands, options }: Command): readonly string[] {
  return [...options.map(({ long }) => long ?? ''), ...commands.flatMap(flagsOf)]
}

/** The text of each string, and of each piece of a template, below a node of a syntax tree. */
function literalsIn(node: unknown): readonly string[] {
  if (typeof node !== 'object' || node === null) return []
  const { type, value } = node as { readonly type?: unknown; readonly value?: unknown }
  if (type === 'Literal' && typeof value === 'string') return [value]
  if (type === 'TemplateElement') return [(value as { readonly cooked: string }).cooked]
  return Object.values(node).flatMap(literalsIn)
}

const texts = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('cli') && !documents.has(file))
  .flatMap((file) => literalsIn(parseSync(file, readFileSync(join(source, file), 'utf8')).program).map((text) => ({ file, text })))
const ownFlags = new Set(flagsOf(createProgram({} as CliProcess).command))

test('uses no flag of the command line in a text of the library', () => {
  assert.ok(ownFlags.has('--platform') && texts.length > 5000, String(texts.length))
  const named = texts.flatMap(({ file, text }) =>
    (text.match(/(?<![\w-])--[a-z][a-z0-9-]*/g) ?? [])
      .filter((flag) => ownFlags.has(flag) && !flagsOfK3s.has(flag) && foreign[file]?.includes(flag) !== true)
      .map((flag) => `${file}: ${flag}`),
  )
  assert.deepEqual(named, [])
})

test('has a flag for every option that a text of the library names', () => {
  const named = new Set(texts.flatMap(({ text }) => [...text.matchAll(/(?<![\w./-])options\.(\w+)/g)].map(([, name = '']) => name)))
  assert.deepEqual(
    [...named].filter((name) => !Object.hasOwn(flagsByOption, name)),
    [],
  )
  assert.ok(named.size > 20, String(named.size))
  assert.deepEqual(
    Object.entries(flagsByOption).filter(
      ([name, flag]) => !ownFlags.has(flag) || !(named.has(name) || ['include', 'exclude'].includes(name)),
    ),
    [],
  )
})

test('does not change a file, a host, a repository or a quoted value that looks like an option', () => {
  assert.equal(withFlags('options.to x, options.timeout: 5, use options.via.'), '--to x, --timeout: 5, use --via.')
  for (const text of [
    './options.name',
    'options.txt',
    'options.to/a/b',
    'a/options.name:1',
    'options.to:5000',
    'https://options.to',
    'x.options.to',
    'there is no image named "options.name"',
  ])
    assert.equal(withFlags(text), text)
})

test('writes flags into texts of a JSON document, and leaves names unchanged', () => {
  const document = {
    images: ['options.via'],
    warnings: ['see options.via'],
    failures: [{ source: 'options.via', error: { message: 'no options.to', hint: 'options.platforms', reason: 'options.from' } }],
  }
  assert.deepEqual(JSON.parse(formatJson(document)), {
    images: ['options.via'],
    warnings: ['see --via'],
    failures: [{ source: 'options.via', error: { message: 'no --to', hint: '--platform', reason: '--from' } }],
  })
})
