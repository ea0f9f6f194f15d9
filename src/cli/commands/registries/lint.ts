import type { Command } from 'commander'
import { defaultRegistriesFile } from '../../../registries-yaml/registries.ts'
import type { K3sVersion } from '../../../release/version.ts'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import { addK3sFlags, addK3sVersion, k3sFlags, type K3sOptionFlags } from '../../options/k3s.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { formatFindings, formatLintTotals, lintReport } from '../../output/lint-text.ts'
import { stylesFor } from '../../output/styles.ts'

interface LintFlags extends K3sOptionFlags, OutputFlags {
  readonly k3sVersion?: K3sVersion
  readonly files: boolean
}

// The exit code is 4 where a finding is an error.
async function runLint(file: string, flags: LintFlags, cli: CliProcess): Promise<void> {
  const { signal } = cli
  const { readLintedText } = await import('./read-linted-text.ts')
  const { text, mode } = await readLintedText(file, { isOfThisMachine: flags.files, signal })
  const { parseRegistries } = await import('../../../registries-yaml/read/parse-registries.ts')
  const { lintRegistries } = await import('../../../registries-yaml/lint/lint.ts')
  const findings = await lintRegistries(parseRegistries(text, file), {
    ...k3sFlags(flags),
    version: flags.k3sVersion,
    files: flags.files,
    mode,
    signal,
  })
  const report = lintReport(file, findings)
  cli.print(flags.output === 'json' ? `${formatJson(report)}\n` : formatFindings(report, stylesFor(process.stdout, process.env)))
  cli.note(`${file === '-' ? 'standard input' : file}: ${formatLintTotals(report.totals)}`, flags)
  cli.exit(report.totals.errors > 0 ? exitCodes.problemsFound : exitCodes.done)
}

/** Adds `k3s-mirror registries lint`. */
export function addLintCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('lint')
    .description('say what nodes will not do as the file seems to say, and how to write it; exits with 4 when a finding is an error')
    .argument('[file]', 'a registries.yaml; - is standard input', defaultRegistriesFile)
    .option('--no-files', 'the file is for another machine: do not look at the certificates and keys that it names')
  addOutput(addK3sVersion(addK3sFlags(command))).action((file: string, flags: LintFlags) => runLint(file, flags, cli))
}
