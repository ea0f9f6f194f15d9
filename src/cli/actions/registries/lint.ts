import { dirname, resolve } from 'node:path'
import { MirrorError } from '../../../errors.ts'
import { privateRegistryPath } from '../../../node/node-settings.ts'
import { lintAndFix } from '../../../registries-yaml/fix/fix-registries.ts'
import { lintReport } from '../../../registries-yaml/lint/lint-report.ts'
import { lintRegistries, type LintOptions } from '../../../registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../registries-yaml/read/parse-registries.ts'
import { decodeRegistriesText, maxRegistriesBytes, readRegistriesText } from '../../../registries-yaml/read/read-registries.ts'
import { defaultRegistriesFile } from '../../../registries-yaml/registries.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { LintFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { isDocument } from '../../options/output.ts'
import { formatLintTotals } from '../../output/lint-text.ts'
import { lintFormat } from '../../output/report-format.ts'
import { nodeSettings } from '../node-settings.ts'
import { readStandardInput } from './read-standard-input.ts'

async function readInput(signal: AbortSignal): Promise<string> {
  const bytes = await readStandardInput(maxRegistriesBytes, signal)
  if (bytes !== undefined) return decodeRegistriesText(bytes, 'standard input')
  throw new MirrorError('INVALID_CONFIG', 'standard input: larger than 256 KiB', { hint: 'pipe a single registries.yaml' })
}

function refuseCombinations({ fix = false, dryRun = false, output }: LintFlags, file: string): void {
  if (dryRun && !fix) throw new MirrorError('USAGE', '--dry-run requires --fix', { hint: 'pass --fix --dry-run, or remove --dry-run' })
  if (fix && !dryRun && file === '-' && isDocument(output)) {
    throw new MirrorError('USAGE', `--fix prints the fixed text of standard input, and cannot be used with --output ${output}`, {
      hint: 'remove --output, or pass a file',
    })
  }
}

/** Prints the diff of the fixed text, then writes it; of standard input prints the text itself. */
async function writeFixed(
  cli: CliProcess,
  { dryRun = false, output }: LintFlags,
  file: string,
  before: string,
  after: string,
): Promise<void> {
  if (file === '-' && !dryRun) return cli.print(after)
  if (!isDocument(output)) {
    const { formatFixDiff } = await import('../../output/fix-diff.ts')
    cli.show({}, (styles) => formatFixDiff(file, before, after, styles))
  }
  if (!dryRun && after !== before) await (await import('../../files/rewrite-file.ts')).rewriteFile(file, before, after)
}

/** Prints the findings of a registries.yaml, and with `--fix` makes the certain fixes first. The exit code is 4 if a remaining finding is an error. */
export async function runLint(cli: CliProcess, flags: LintFlags, given: string | undefined): Promise<void> {
  const { signal } = cli
  const settings = await nodeSettings(flags, cli)
  const file = given ?? privateRegistryPath(settings)
  refuseCombinations(flags, file)
  const { files, fix = false, dryRun = false, output, annotate } = flags
  const { text, mode } = file === '-' ? { text: await readInput(signal), mode: undefined } : await readRegistriesText(file, { signal })
  // Elsewhere the file is a draft, and its permissions are not those on a node.
  const isInPlace = resolve(file).startsWith(`${dirname(dirname(defaultRegistriesFile))}/`) || file === settings.privateRegistry
  const options: LintOptions = { ...settings, files, mode: files && isInPlace ? mode : undefined, signal }
  const changed = fix ? await lintAndFix(text, file, options) : undefined
  if (changed !== undefined) await writeFixed(cli, flags, file, text, changed.text)
  const written = dryRun ? undefined : changed
  const findings = written?.findings ?? (await lintRegistries(parseRegistries(text, file), options))
  const report = lintReport(file, written?.text ?? text, findings, written?.fixed)
  if (written !== undefined && file === '-') {
    // Standard output has the fixed text.
    for (const { severity, line, column, rule, message, fix: advice } of report.findings)
      cli.note(`-:${line}:${column} ${severity} ${rule} ${message}; fix: ${advice}`)
  } else {
    const format = await lintFormat(output)
    cli.show(report, (styles) => format(report, styles))
  }
  if (annotate !== undefined) cli.annotate((await import('../../output/annotations.ts')).formatAnnotations(report, annotate))
  const fixed = changed === undefined ? '' : `${changed.fixed.length} ${dryRun ? 'fixable' : 'fixed'}, `
  const fixable = fix ? 0 : report.findings.filter(({ edits }) => edits !== undefined).length
  const advice = fixable === 0 ? '' : `; --fix can correct ${fixable}`
  cli.note(`${file === '-' ? 'standard input' : file}: ${fixed}${formatLintTotals(report.totals)}${advice}`)
  cli.exit(report.totals.errors > 0 ? exitCodes.problemsFound : exitCodes.done)
}
