import { partsOf, type SyncCheckReport, type SyncPart, type SyncReport } from '../sync/sync-report.ts'
import { code } from './markdown.ts'
import { planLines } from './plan-markdown.ts'
import { errorLines, originLine, runLines } from './run-markdown.ts'

function partLines({ entry, destination, run, plan, error }: SyncPart, report: SyncReport | SyncCheckReport): readonly string[] {
  const title = `k3s-mirror sync${report.check ? ' --check' : ''}: ${code(entry)}`
  if (run !== undefined) return runLines(run, title)
  if (plan !== undefined) return planLines(plan, title)
  const place = destination === undefined ? [] : [`Destination: ${code(destination)}`, '']
  return [`## ${title}`, '', '**could not begin**', '', ...place, ...errorLines(error), originLine({ ...report, lists: [] })]
}

/** A run over entries, or a check, in GitHub-flavoured markdown: a section for each destination of an entry. Ends with a newline. */
export function formatSyncMarkdown(report: SyncReport | SyncCheckReport): string {
  return `${partsOf(report)
    .map((part) => partLines(part, report).join('\n'))
    .join('\n\n')}\n`
}
