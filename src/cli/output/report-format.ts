import type { LintReport } from '../../registries-yaml/lint/lint-report.ts'
import type { DiffReport } from '../../report/diff-report.ts'
import type { ManyPlanReport, PlanReport } from '../../report/plan-report.ts'
import type { FailureReport } from '../../report/report-head.ts'
import type { ManyReport, MirrorReport } from '../../report/report.ts'
import type { VerifyReport } from '../../report/verify-report.ts'
import type { SyncCheckReport, SyncReport } from '../sync/sync-report.ts'
import { formatJson } from './json.ts'
import type { Styles } from './styles.ts'
import { formatSummary } from './summary.ts'

/** Makes the text of a report; ends with a newline. Formats are loaded where they are asked for. */
type Format<Report> = (report: Report, styles: Styles) => string

/** The text of a run for `--output`. */
export async function runFormat(output: string | undefined): Promise<Format<MirrorReport>> {
  if (output === 'junit') return (await import('./run-junit.ts')).formatRunJunit
  if (output === 'markdown') return (await import('./run-markdown.ts')).formatRunMarkdown
  return formatSummary
}

/** The text of a run to several destinations for `--output`. */
export async function manyRunFormat(output: string | undefined): Promise<Format<ManyReport>> {
  if (output === 'junit') return (await import('./run-junit.ts')).formatRunJunit
  if (output === 'markdown') return (await import('./run-markdown.ts')).formatRunMarkdown
  return (await import('./many-summary.ts')).formatManySummary
}

/** The text of a plan for several destinations for `--output`. */
export async function manyPlanFormat(output: string | undefined, verbose: boolean): Promise<Format<ManyPlanReport>> {
  if (output === 'junit') return (await import('./plan-junit.ts')).formatPlanJunit
  if (output === 'markdown') return (await import('./plan-markdown.ts')).formatPlanMarkdown
  const { formatManyPlan } = await import('./many-summary.ts')
  return (report, styles) => formatManyPlan(report, { styles, verbose })
}

/** The text of a plan for `--output`. */
export async function planFormat(output: string | undefined, verbose: boolean): Promise<Format<PlanReport>> {
  if (output === 'junit') return (await import('./plan-junit.ts')).formatPlanJunit
  if (output === 'markdown') return (await import('./plan-markdown.ts')).formatPlanMarkdown
  const { formatPlan } = await import('./plan-table.ts')
  return (report, styles) => formatPlan(report, { styles, verbose })
}

/** The text of a verification for `--output`. */
export async function verifyFormat(output: string | undefined, verbose: boolean): Promise<Format<VerifyReport>> {
  if (output === 'junit') return (await import('./verify-junit.ts')).formatVerifyJunit
  if (output === 'markdown') return (await import('./verify-markdown.ts')).formatVerifyMarkdown
  const { formatVerification } = await import('./verify-table.ts')
  return (report, styles) => formatVerification(report, { styles, verbose })
}

/** The text of a run over entries, or of a check, for `--output`. */
export async function syncFormat(output: string | undefined): Promise<Format<SyncReport | SyncCheckReport>> {
  if (output === 'junit') return (await import('./sync-junit.ts')).formatSyncJunit
  if (output === 'markdown') return (await import('./sync-markdown.ts')).formatSyncMarkdown
  const { formatSync, formatSyncCheck } = await import('./sync-text.ts')
  return (report, styles) => (report.check ? formatSyncCheck(report, styles) : formatSync(report, styles))
}

/** The text of a comparison for `--output`. */
export async function diffFormat(output: string | undefined, verbose: boolean): Promise<Format<DiffReport>> {
  if (output === 'junit') return (await import('./diff-junit.ts')).formatDiffJunit
  if (output === 'markdown') return (await import('./diff-markdown.ts')).formatDiffMarkdown
  const { formatDiff } = await import('./diff-table.ts')
  return (report, styles) => formatDiff(report, { styles, verbose })
}

/** The text of the findings about a registries.yaml for `--output`. */
export async function lintFormat(output: string | undefined): Promise<Format<LintReport>> {
  if (output === 'junit') return (await import('./lint-junit.ts')).formatLintJunit
  if (output === 'markdown') return (await import('./lint-markdown.ts')).formatLintMarkdown
  if (output === 'sarif') return (await import('./lint-sarif.ts')).formatLintSarif
  return (await import('./lint-text.ts')).formatFindings
}

/** The document of a command that could not begin, for `--output`; undefined for text, which standard error has. */
export async function formatFailure(report: FailureReport, output: string | undefined): Promise<string | undefined> {
  if (output === 'json') return `${formatJson(report)}\n`
  if (output === 'junit') return (await import('./failure-formats.ts')).formatFailureJunit(report)
  if (output === 'sarif' && report.command === 'registries lint') return (await import('./lint-sarif.ts')).formatFailureSarif(report)
  return output === 'markdown' ? (await import('./failure-formats.ts')).formatFailureMarkdown(report) : undefined
}
