import { lintRegistries } from '../../../registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../registries-yaml/read/parse-registries.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { LintFlags } from '../../commands/registries/lint.ts'
import { exitCodes } from '../../exit-code.ts'
import { readLintedText } from '../../files/linted-text.ts'
import { formatFindings, formatLintTotals, lintReport } from '../../output/lint-text.ts'
import { k3sFlags } from '../library-options.ts'

/** Prints the findings of a registries.yaml; the exit code is 4 where one is an error. */
export async function runLint(cli: CliProcess, flags: LintFlags, file: string): Promise<void> {
  const { signal } = cli
  const { files, k3sVersion: version } = flags
  const { text, mode } = await readLintedText(file, { isOfThisMachine: files, signal })
  const findings = await lintRegistries(parseRegistries(text, file), { ...k3sFlags(flags), version, files, mode, signal })
  const report = lintReport(file, findings)
  cli.show(report, (styles) => formatFindings(report, styles))
  cli.note(`${file === '-' ? 'standard input' : file}: ${formatLintTotals(report.totals)}`)
  cli.exit(report.totals.errors > 0 ? exitCodes.problemsFound : exitCodes.done)
}
