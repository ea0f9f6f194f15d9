import type { Command } from 'commander'
import type { VerifyEvents } from '../../verify.ts'
import type { VerifyReport } from '../../report/verify-report.ts'
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
import type { Session } from '../session.ts'

/** Milliseconds between two lines about where a long check stands. */
const heartbeat = 10_000

interface Progress extends Disposable {
  readonly events: VerifyEvents
}

/** Says on standard error where a check stands that takes long; with --verbose every image and retry. */
function showProgress(session: Session, flags: VerifyFlags): Progress {
  let standing: string | undefined
  let failed = 0
  const stop = systemClock.every(heartbeat, () => {
    if (standing !== undefined) session.note(`... ${standing}`, flags)
  })
  const detail = (line: string): void => {
    if (flags.verbose === true) session.note(line, flags)
  }
  return {
    events: {
      onImage({ status, reference }, { done, images }) {
        if (status !== 'ok') failed++
        standing = `${done}/${images} images checked${failed === 0 ? '' : `, ${failed} not ok`}`
        detail(`${status} ${reference}`)
      },
      onRetry: ({ attempt, delay, error }) => detail(`retry ${attempt} in ${formatDuration(delay)}: ${error.message} (${error.code})`),
      onThrottled: ({ origin, delay }) => session.note(`throttled: ${origin} asks for a pause of ${formatDuration(delay)}`, flags),
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

async function runVerify(references: readonly string[], flags: VerifyFlags, session: Session): Promise<void> {
  const options = await verifyOptions(references, flags, session)
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), options.registries, flags.expect])
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const { verify } = await import('../../verify.ts')
  using progress = showProgress(session, flags)
  const report = await verify({ ...options, signal: session.signal }, progress.events)
  for (const line of report.lists.map(formatCoverage)) if (line !== undefined) session.note(line, flags)
  session.print(await formatted(report, flags))
  session.exit(report.totals.failed === 0 ? exitCodes.done : exitCodes.problemsFound)
  await writeReport?.(report).catch((error: unknown) => session.complain(error, flags))
}

/** Adds `k3s-mirror verify`. */
export function addVerifyCommand(program: Command, session: Session): void {
  const command = program
    .command('verify')
    .description('is every image, platform and blob there? could a node pull it all? changes nothing')
  addVerifyOptions(addSelection(command))
    .addHelpText('after', verifyHelp)
    .action((references: string[], flags: VerifyFlags) => runVerify(references, flags, session))
}
