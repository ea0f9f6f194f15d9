import { CommanderError, type Command } from 'commander'
import { isMirrorError, MirrorError } from '../errors.ts'
import { reportHead, type FailureReport } from '../report/report-head.ts'
import { maskSecrets } from '../text/secrets.ts'
import type { CliProcess } from './cli-process.ts'
import { exitCodeOfError, exitCodes } from './exit-code.ts'
import { openReport, refuseForeignReport, refuseSharedFiles } from './files/output-files.ts'
import { formatFailure } from './output/report-format.ts'
import { commandPath, usageError } from './usage-error.ts'

/** The value of an option on a command line that could not be parsed; of several, the last. */
function givenValue(args: readonly string[], long: string, short?: string): string | undefined {
  let value: string | undefined
  for (const [index, arg] of args.entries()) {
    if (arg === '--') break
    if (arg === long || arg === short) value = args[index + 1]
    else if (arg.startsWith(`${long}=`)) value = arg.slice(long.length + 1)
    else if (short !== undefined && arg.startsWith(short) && !arg.startsWith('--')) value = arg.slice(short.length)
  }
  return value
}

/** All that may name a file which the command reads: arguments and variables, without those of `--report`. */
function otherValues(args: readonly string[]): readonly string[] {
  const own = args.filter((arg, index) => args[index - 1] !== '--report' && !arg.startsWith('--report='))
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('K3S_MIRROR_') && name !== 'K3S_MIRROR_REPORT')
  return [...own.map((arg) => arg.replace(/^--[^=]+=/, '')), ...variables.flatMap(([, value = '']) => value.split(/\s+/))]
}

/** What went wrong as a MirrorError, with a hint wherever the command line was wrong. */
function toMirrorError(error: unknown, command: Command, { stopSignal }: CliProcess): MirrorError {
  if (stopSignal !== undefined) return new MirrorError('CANCELLED', `interrupted by ${stopSignal}`)
  if (error instanceof CommanderError) return usageError(error, command)
  if (!isMirrorError(error)) return new MirrorError('INTERNAL', maskSecrets(error instanceof Error ? error.message : String(error)))
  if (error.code !== 'USAGE' || error.hint !== undefined) return error
  return error.with({ hint: `run k3s-mirror ${[...commandPath(command), '--help'].join(' ')}`, cause: error })
}

/** Reports what ended a command: as text, in the document of `--output json`, in the file of `--report`, and by the exit code. */
export async function reportFailure(thrown: unknown, command: Command, cli: CliProcess): Promise<void> {
  const { stopSignal } = cli
  const error = toMirrorError(thrown, command, cli)
  if (stopSignal !== undefined) cli.say(error.message)
  else cli.fail(error.code === 'INTERNAL' ? thrown : error)
  // Once the run has its exit code, its own document is printed and its own report is written.
  if (process.exitCode === undefined) await writeDocument(error, command, cli)
  const code = exitCodeOfError(error, stopSignal)
  const hasBegun = cli.hasBegun || process.exitCode !== undefined
  process.exitCode = hasBegun && code === exitCodes.notBegun ? exitCodes.someFailed : code
}

async function writeDocument({ code, message, hint }: MirrorError, command: Command, cli: CliProcess): Promise<void> {
  const path = commandPath(command)
  const document: FailureReport = {
    ...reportHead(new Date(performance.timeOrigin).toISOString()),
    command: path.length === 0 ? null : path.join(' '),
    error: { code, message, ...(hint !== undefined && { hint }) },
  }
  const args = process.argv.slice(2)
  const output = givenValue(args, '--output', '-o') ?? process.env['K3S_MIRROR_OUTPUT']
  const text = await formatFailure(document, output)
  if (text !== undefined) cli.print(text)
  const style = givenValue(args, '--annotate') ?? process.env['K3S_MIRROR_ANNOTATE']
  if (style === 'github' || style === 'gitlab') cli.annotate((await import('./output/annotations.ts')).formatAnnotations(document, style))
  const report = givenValue(args, '--report') ?? process.env['K3S_MIRROR_REPORT']
  if (report === undefined || report === '') return
  try {
    await refuseForeignReport(report)
    // A report can be read too, as by report merge.
    await refuseSharedFiles([report], otherValues(args))
    await (
      await openReport(report)
    )(document)
  } catch {
    // The error above says what failed; a report that cannot be written is not worth a second one.
  }
}
