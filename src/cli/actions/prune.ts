import { prune, type PruneEvents } from '../../runs/prune.ts'
import type { CliProcess } from '../cli-process.ts'
import type { PruneFlags } from '../commands/prune.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { readKeptSources } from '../files/kept-sources.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { nameFlag } from '../output/flags.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { failedRemovals, formatPruning } from '../output/prune-text.ts'
import { placeOptions } from './library-options.ts'
import { showStanding } from './show-standing.ts'

/** Reports the progress of a long run; with --verbose every tag. */
function showProgress(cli: CliProcess, flags: PruneFlags): Disposable & { readonly events: PruneEvents } {
  const standing = showStanding(cli, flags)
  let settled = 0
  return {
    events: {
      ...standing.events,
      onRepository({ done, repositories }) {
        standing.text = `${done}/${repositories} repositories read`
      },
      onTag(tag, status) {
        standing.text = `${++settled} tags done`
        standing.detail(`${status} ${tag}`)
      },
    },
    [Symbol.dispose]: () => standing[Symbol.dispose](),
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
