import type { Command } from 'commander'
import type { VerifyReport } from '../../report/verify-report.ts'
import type { VerifyEvents } from '../../runs/verify.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodes } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../options/output-files.ts'
import { addSelection } from '../options/selection.ts'
import { addVerifyOptions, verifyHelp, verifyOptions, type VerifyFlags } from '../options/verify.ts'
import { systemClock } from '../output/clock.ts'
import { formatJson } from '../output/events-ndjson.ts'
import { formatDuration } from '../output/format-amount.ts'
import { formatCoverage } from '../output/list-coverage.ts'
import { stylesFor } from '../output/styles.ts'
import { formatVerification } from '../output/verify-table.ts'

/** Milliseconds between two lines about where a long check stands. */
const heartbeat = 10_000

interface Progress extends Disposable {
  readonly events: VerifyEvents
}

/** Says on standard error where a check stands that takes long; with --verbose every image and retry. */
function showProgress(cli: CliProcess, flags: VerifyFlags): Progress {
  let standing: string | undefined
  let failed = 0
  const stop = systemClock.every(heartbeat, () => {
    if (standing !== undefined) cli.note(`... ${standing}`, flags)
  })
  const detail = (line: string): void => {
    if (flags.verbose === true) cli.note(line, flags)
  }
  return {
    events: {
      onImage({ status, reference }, { done, images }) {
        if (status !== 'ok') failed++
        standing = `${done}/${images} images checked${failed === 0 ? '' : `, ${failed} not ok`}`
        detail(`${status} ${reference}`)
      },
      onRetry: ({ attempt, delay, error }) => detail(`retry ${attempt} in ${formatDuration(delay)}: ${error.message} (${error.code})`),
      onThrottled: ({ origin, delay }) => cli.note(`throttled: ${origin} asks for a pause of ${formatDuration(delay)}`, flags),
    },
    [Symbol.dispose]: stop,
  }
}

async function formatted(report: VerifyReport, { output, verbose = false }: VerifyFlags): Promise<string> {
  switch (output) {
    case 'json':
      return `${formatJson(report)}\n`
    case 'junit':
      return (await import('../output/verify-junit.ts')).formatVerifyJunit(report)
    case 'markdown':
      return (await import('../output/verify-markdown.ts')).formatVerifyMarkdown(report)
    case 'text':
      return formatVerification(report, { styles: stylesFor(process.stdout, process.env), verbose })
  }
}

async function runVerify(references: readonly string[], flags: VerifyFlags, cli: CliProcess): Promise<void> {
  const options = await verifyOptions(references, flags, cli)
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), options.registries, flags.expect])
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const { verify } = await import('../../runs/verify.ts')
  using progress = showProgress(cli, flags)
  const report = await verify({ ...options, signal: cli.signal }, progress.events)
  for (const line of report.lists.map(formatCoverage)) if (line !== undefined) cli.note(line, flags)
  cli.print(await formatted(report, flags))
  cli.exit(report.totals.failed === 0 ? exitCodes.done : exitCodes.problemsFound)
  await writeReport?.(report).catch((error: unknown) => cli.complain(error, flags))
}

/** Adds `k3s-mirror verify`. */
export function addVerifyCommand(program: Command, cli: CliProcess): void {
  const command = program
    .command('verify')
    .description('is every image, platform and blob there? could a node pull it all? changes nothing')
  addVerifyOptions(addSelection(command))
    .addHelpText('after', verifyHelp)
    .action((references: string[], flags: VerifyFlags) => runVerify(references, flags, cli))
}
