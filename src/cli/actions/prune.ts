import { prune, type PruneEvents } from '../../runs/prune.ts'
import type { CliProcess } from '../cli-process.ts'
import type { PruneFlags } from '../commands/prune.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { readKeptSources } from '../files/kept-sources.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { nameFlag } from '../output/flags.ts'
import { formatDuration } from '../output/format-amount.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { failedRemovals, formatPruning } from '../output/prune-text.ts'
import { outputClock } from '../output/renderer.ts'
import { placeOptions } from './library-options.ts'

/** Milliseconds between two lines on the progress of a long run. */
const heartbeat = 10_000

/** Reports the progress of a long run on standard error; with --verbose every tag and retry. */
function showProgress(cli: CliProcess, { verbose }: PruneFlags): Disposable & { readonly events: PruneEvents } {
  let standing: string | undefined
  let settled = 0
  const stop = outputClock.every(heartbeat, () => {
    if (standing !== undefined) cli.note(`... ${standing}`)
  })
  const detail = (line: string): void => {
    if (verbose === true) cli.note(line)
  }
  return {
    events: {
      onRepository({ done, repositories }) {
        standing = `${done}/${repositories} repositories read`
      },
      onTag(tag, status) {
        standing = `${++settled} tags done`
        detail(`${status} ${tag}`)
      },
      onRetry: ({ attempt, delay, error }) => detail(`retry ${attempt} in ${formatDuration(delay)}: ${error.message} (${error.code})`),
      onThrottled: ({ origin, delay }) => cli.note(`throttled: ${origin} asks for a pause of ${formatDuration(delay)}`),
    },
    [Symbol.dispose]: stop,
  }
}

/** Removes the tags that nothing kept names. */
export async function runPrune(cli: CliProcess, flags: PruneFlags): Promise<void> {
  const { artifactUrl, channelUrl, keep, repositories, olderThan, ignoreMissing, yes = false, registries, verbose } = flags
  for (const flag of ['--release', '--images']) nameFlag(flag, '--keep')
  const kept = await readKeptSources(keep)
  await refuseSharedFiles([flags.report], [...(kept.images ?? []), registries])
  const writeReport = await openReport(flags.report)
  using progress = showProgress(cli, flags)
  const options = {
    ...placeOptions(flags),
    ...kept,
    artifactUrl,
    channelUrl,
    stdin: process.stdin,
    repositories,
    olderThan,
    ignoreMissing,
    dryRun: !yes,
    signal: cli.signal,
  }
  const report = await prune(options, progress.events)
  for (const line of coverageLines(report.lists)) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  cli.show(report, (styles) => formatPruning(report, { styles, verbose }))
  const removed = report.repositories.flatMap(({ tags }) => tags.filter(({ status }) => status === 'removed'))
  const failed = report.repositories.flatMap(failedRemovals)
  cli.exit(exitCodeOfReport({ ...report, images: [...removed, ...failed] }, cli.stopSignal))
  await writeReport(report).catch(cli.complain)
}
