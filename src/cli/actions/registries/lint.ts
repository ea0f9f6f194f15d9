import { dirname, resolve } from 'node:path'
import { MirrorError } from '../../../errors.ts'
import { privateRegistryPath } from '../../../node/node-settings.ts'
import { lintRegistries } from '../../../registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../registries-yaml/read/parse-registries.ts'
import { decodeRegistriesText, maxRegistriesBytes, readRegistriesText } from '../../../registries-yaml/read/read-registries.ts'
import { defaultRegistriesFile } from '../../../registries-yaml/registries.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { LintFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { formatFindings, formatLintTotals, lintReport } from '../../output/lint-text.ts'
import { nodeSettings } from '../node-settings.ts'
import { readStandardInput } from './read-standard-input.ts'

async function readInput(signal: AbortSignal): Promise<string> {
  const bytes = await readStandardInput(maxRegistriesBytes, signal)
  if (bytes !== undefined) return decodeRegistriesText(bytes, 'standard input')
  throw new MirrorError('INVALID_CONFIG', 'standard input: larger than 256 KiB', { hint: 'pipe a single registries.yaml' })
}

/** Prints the findings of a registries.yaml. The exit code is 4 if one of them is an error. */
export async function runLint(cli: CliProcess, flags: LintFlags, given: string | undefined): Promise<void> {
  const { signal } = cli
  const { files } = flags
  const settings = await nodeSettings(flags, cli)
  const file = given ?? privateRegistryPath(settings)
  const { text, mode } = file === '-' ? { text: await readInput(signal), mode: undefined } : await readRegistriesText(file, { signal })
  // Elsewhere the file is a draft, and its permissions are not those on a node.
  const isInPlace = resolve(file).startsWith(`${dirname(dirname(defaultRegistriesFile))}/`) || file === settings.privateRegistry
  const facts = { files, mode: files && isInPlace ? mode : undefined, signal }
  const findings = await lintRegistries(parseRegistries(text, file), { ...settings, ...facts })
  const report = lintReport(file, findings)
  cli.show(report, (styles) => formatFindings(report, styles))
  cli.note(`${file === '-' ? 'standard input' : file}: ${formatLintTotals(report.totals)}`)
  cli.exit(report.totals.errors > 0 ? exitCodes.problemsFound : exitCodes.done)
}
