import type { ManyPlanReport, PlannedImage, PlanReport } from '../../report/plan-report.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { code, section, tableLines, type MarkdownColumn } from './markdown.ts'
import { totalLine } from './plan-table.ts'
import { errorLines, failureSection, movedSection, originLine } from './run-markdown.ts'

const columns: readonly MarkdownColumn<PlannedImage>[] = [
  ['Image', ({ source }) => code(source)],
  ['State', ({ state }) => (state === 'changed' ? '**changed**' : state)],
  ['To copy', ({ bytes }) => formatBytes(bytes.missing), 'r'],
  ['Platforms', ({ platforms }) => code(platforms.join(', '))],
]

/** A plan for one destination as the lines of a section. */
export function planLines(report: PlanReport, title = 'k3s-mirror plan'): readonly string[] {
  const { destination, images, failures, totals, warnings, error } = report
  const [counts = '', ...toCopy] = totalLine(report).split('\n')
  return [
    `## ${title}`,
    '',
    `**${counts}**`,
    '',
    `Destination: ${code(destination)}`,
    '',
    ...errorLines(error),
    ...movedSection(
      'Would be replaced',
      images.filter(({ state }) => state === 'changed'),
    ),
    ...movedSection(
      'Would be skipped',
      images.filter(({ state }) => state === 'skipped'),
    ),
    ...failureSection(error === undefined ? failures : []),
    ...(images.length === 0 ? [] : [tableLines(columns, images), '']),
    ...section('Warnings', warnings),
    ...(toCopy.length === 0 ? [] : [...toCopy, '']),
    ...(totals.dockerHubPulls > 0 ? [`Docker Hub counts ${formatCount(totals.dockerHubPulls, 'pull')}`, ''] : []),
    originLine(report),
  ]
}

/** A plan in GitHub-flavoured markdown, for the summary of a job or a comment. Ends with a newline. */
export function formatPlanMarkdown(report: PlanReport | ManyPlanReport): string {
  const reports = 'destinations' in report ? report.destinations : [report]
  return `${reports.map((one) => planLines(one).join('\n')).join('\n\n')}\n`
}
