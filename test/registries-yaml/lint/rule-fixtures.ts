import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { lintRegistries, type LintOptions } from '../../../src/registries-yaml/lint/lint.ts'
import type { Finding, Severity } from '../../../src/registries-yaml/lint/rule.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { parseVersion } from '../../../src/release/version.ts'

/** A file with findings of a rule (`bad.yaml`, `bad-….yaml`), or without any. */
export interface RuleFixture {
  readonly rule: string
  /** Without `.yaml`. */
  readonly name: string
  readonly isBad: boolean
  /** `${dir}` in it is the directory of the files that the fixtures name. */
  readonly text: string
  /** As in the first line: `# lint: --k3s-version v1.30.0+k3s1`. */
  readonly flags: readonly string[]
}

/** Where a finding is to be. */
export interface ExpectedPlace {
  readonly line: number
  readonly severity: Severity
}

const folder = new URL('../../../fixtures/registries-yaml/rules/', import.meta.url)

/** The fixtures of a rule, sorted; empty for a rule without a folder. */
export function fixturesOf(rule: string): readonly RuleFixture[] {
  const directory = new URL(`${rule}/`, folder)
  return foldersOfRules().includes(rule)
    ? readdirSync(directory)
        .filter((file) => /^(?:bad|good)(?:-[a-z0-9-]+)?\.yaml$/.test(file))
        .map((file) => file.replace(/\.yaml$/, ''))
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((name) => {
          const text = readFileSync(new URL(`${name}.yaml`, directory), 'utf8')
          const [, flags = ''] = /^# lint: (.*)\n/.exec(text) ?? []
          return { rule, name, isBad: name.startsWith('bad'), text, flags: flags.split(/\s+/).filter((flag) => flag !== '') }
        })
    : []
}

/** The rules that have a folder of fixtures. */
export function foldersOfRules(): readonly string[] {
  return readdirSync(folder).toSorted()
}

/** The lines that end with `# <- error`, `# <- warning` or `# <- info`. */
export function expectedPlaces({ text }: RuleFixture): readonly ExpectedPlace[] {
  return text.split('\n').flatMap((line, index) => {
    const [, severity] = /# <- (error|warning|info)$/.exec(line.trimEnd()) ?? []
    return severity === undefined ? [] : [{ line: index + 1, severity: severity as Severity }]
  })
}

function optionsOf(flags: readonly string[]): LintOptions {
  const version = flags[flags.indexOf('--k3s-version') + 1]
  const mode = flags[flags.indexOf('--mode') + 1]
  const registry = flags[flags.indexOf('--system-default-registry') + 1]
  const known = new Set([
    '--k3s-version',
    '--mode',
    '--no-files',
    '--disable-default-registry-endpoint',
    '--embedded-registry',
    '--system-default-registry',
  ])
  for (const flag of flags) assert.ok(!flag.startsWith('--') || known.has(flag), `no such option: ${flag}`)
  return {
    version: flags.includes('--k3s-version') && version !== undefined ? parseVersion(version) : undefined,
    // What the command line reads from the file itself.
    mode: flags.includes('--mode') && mode !== undefined ? Number.parseInt(mode, 8) : undefined,
    systemDefaultRegistry: flags.includes('--system-default-registry') ? registry : undefined,
    files: !flags.includes('--no-files'),
    disableDefaultEndpoint: flags.includes('--disable-default-registry-endpoint'),
    embeddedRegistry: flags.includes('--embedded-registry'),
  }
}

/** The findings of all rules about a fixture; `directory` replaces `${dir}`. */
export async function lintFixture({ text, flags, name }: RuleFixture, directory: string): Promise<readonly Finding[]> {
  return lintRegistries(parseRegistries(text.replaceAll('${dir}', directory), `${name}.yaml`), optionsOf(flags))
}
