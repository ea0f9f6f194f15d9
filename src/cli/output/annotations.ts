import type { ErrorSummary } from '../../copy/events.ts'
import type { LintReport } from '../../registries-yaml/lint/lint-report.ts'
import type { DiffReport } from '../../report/diff-report.ts'
import type { PlanReport } from '../../report/plan-report.ts'
import type { ReportDocument } from '../../report/report-document.ts'
import type { MirrorReport } from '../../report/report.ts'
import type { VerifyReport } from '../../report/verify-report.ts'
import type { AnnotationStyle } from '../options/output.ts'
import { namePart, partsOf, type SyncCheckReport, type SyncPart, type SyncReport } from '../sync/sync-report.ts'
import { failedComparisons } from './diff-table.ts'
import { formatErrorLine } from './error-text.ts'
import { failuresOf, groupFailures, type FailedImage } from './failures.ts'
import { textLine } from './flags.ts'
import { formatCount } from './format-amount.ts'
import type { MovedTag } from './run-markdown.ts'
import { formatProblem } from './verify-table.ts'

/** What a pipeline shows next to a job. */
export interface Annotation {
  readonly level: 'error' | 'warning'
  readonly title: string
  readonly lines: readonly string[]
  /** Where it is in a file of the repository. */
  readonly place?: { readonly file: string; readonly line: number; readonly column: number } | undefined
}

/** Images that an annotation names: GitHub cuts longer texts. */
const mostNamed = 50

function named(lines: readonly string[]): readonly string[] {
  const rest = lines.length - mostNamed
  return rest > 0 ? [...lines.slice(0, mostNamed), `and ${rest} more`] : lines
}

function withHint(error: ErrorSummary): readonly string[] {
  return [formatErrorLine(error), ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])]
}

function ofFailures(command: string, failures: readonly FailedImage[]): readonly Annotation[] {
  return groupFailures(failures).map(({ error, images }) => ({
    level: 'error',
    title: `${command}: ${formatCount(images.length, 'image')} failed`,
    lines: [...withHint(error), ...named(images)],
  }))
}

function ofTags(title: string, tags: readonly MovedTag[], isReplaced = false): readonly Annotation[] {
  if (tags.length === 0) return []
  const lines = tags.map(({ destination, previousDigest = '', digest = '' }) =>
    isReplaced ? `${destination}: was ${previousDigest}, is ${digest}` : `${destination}: has ${previousDigest}, the source has ${digest}`,
  )
  return [{ level: 'warning', title: `${title}: ${formatCount(tags.length, 'tag')}`, lines: named(lines) }]
}

function ofWarnings(command: string, warnings: readonly string[]): readonly Annotation[] {
  return warnings.length === 0
    ? []
    : [{ level: 'warning', title: `${command}: ${formatCount(warnings.length, 'warning')}`, lines: named(warnings) }]
}

function ofError(command: string, error: ErrorSummary | undefined): readonly Annotation[] {
  return error === undefined ? [] : [{ level: 'error', title: `${command} failed`, lines: withHint(error) }]
}

function ofRun(report: MirrorReport, command: string): readonly Annotation[] {
  const { images, warnings, error } = report
  const failures = failuresOf(report)
  return [
    // The error is that of every unfinished image.
    ...(error === undefined ? ofFailures(command, failures) : ofError(command, error)),
    ...ofTags(
      `${command} replaced`,
      images.filter(({ status }) => status === 'replaced'),
      true,
    ),
    ...ofTags(
      `${command} skipped`,
      images.filter(({ status }) => status === 'skipped'),
    ),
    ...ofWarnings(command, warnings),
  ]
}

function ofPlan({ images, failures, warnings, error }: PlanReport, command: string): readonly Annotation[] {
  return [
    ...(error === undefined ? ofFailures(command, failures) : ofError(command, error)),
    ...ofTags(
      `${command}: would be replaced`,
      images.filter(({ state }) => state === 'changed'),
    ),
    ...ofTags(
      `${command}: would be skipped`,
      images.filter(({ state }) => state === 'skipped'),
    ),
    ...ofWarnings(command, warnings),
  ]
}

function ofVerification({ command, images, warnings, error }: VerifyReport): readonly Annotation[] {
  const failed = images.filter(({ status }) => status !== 'ok')
  const problems = failed.flatMap((image) => image.problems.map(formatProblem))
  const shown: readonly Annotation[] =
    failed.length === 0 ? [] : [{ level: 'error', title: `verify: ${formatCount(failed.length, 'image')} not ok`, lines: named(problems) }]
  return [...(error === undefined ? shown : ofError(command, error)), ...ofWarnings(command, warnings)]
}

function ofComparison(report: DiffReport): readonly Annotation[] {
  const { command, images, warnings, error } = report
  const moved = images.flatMap(({ state, a, b }) => (state === 'changed' && a !== null && b !== null ? [{ a, b }] : []))
  const lines = moved.map(({ a, b }) => `${b.reference}: A has ${a.digest ?? ''}, B has ${b.digest ?? ''}`)
  const changed: readonly Annotation[] =
    moved.length === 0
      ? []
      : [{ level: 'warning', title: `${command}: ${formatCount(moved.length, 'image')} changed`, lines: named(lines) }]
  return [
    ...(error === undefined ? ofFailures(command, failedComparisons(report)) : ofError(command, error)),
    ...changed,
    ...ofWarnings(command, warnings),
  ]
}

function ofLint({ file, findings }: LintReport): readonly Annotation[] {
  return findings.flatMap(({ rule, severity, line, column, message, fix }) => {
    if (severity === 'info') return []
    const place = file === '-' ? undefined : { file, line, column }
    return [{ level: severity, title: `registries lint: ${rule}`, lines: [`${line}:${column} ${message}`, `fix: ${fix}`], place }]
  })
}

function ofPart(part: SyncPart): readonly Annotation[] {
  const { run, plan, error } = part
  const command = `sync ${namePart(part)}`
  if (run !== undefined) return ofRun(run, command)
  return plan === undefined ? ofError(command, error) : ofPlan(plan, command)
}

/** The reports that can be annotated. */
type AnnotatedReport = ReportDocument | DiffReport | SyncReport | SyncCheckReport

/** What of a report deserves attention: failures as errors, tags with other content and warnings as warnings. Each kind is one annotation, because GitHub shows ten of a step. */
export function annotationsOf(report: AnnotatedReport): readonly Annotation[] {
  if ('destinations' in report) {
    return report.destinations.flatMap((one) => {
      const name = `${one.command} -> ${one.destination}`
      return 'failures' in one ? ofPlan(one, name) : ofRun(one, name)
    })
  }
  if ('findings' in report) return ofLint(report)
  if ('entries' in report) return partsOf(report).flatMap(ofPart)
  if ('blobs' in report) return ofComparison(report)
  if ('asNode' in report) return ofVerification(report)
  if ('failures' in report) return ofPlan(report, report.command)
  if ('images' in report) return ofRun(report, report.command)
  return ofError(report.command ?? 'command line', report.error)
}

/** https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands */
function githubLine({ level, title, lines, place }: Annotation): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = (text: string): string => data(textLine(text)).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const at = place === undefined ? '' : `file=${property(place.file)},line=${place.line},col=${place.column},`
  return `::${level} ${at}title=${property(`k3s-mirror ${title}`)}::${data(lines.map(textLine).join('\n'))}\n`
}

/** A section that can be collapsed, because GitLab has no annotations of a log: https://docs.gitlab.com/ci/jobs/job_logs/ */
function gitlabSection(annotations: readonly Annotation[], seconds: number): string {
  const count = (level: Annotation['level']): number => annotations.filter((one) => one.level === level).length
  const counts = [formatCount(count('error'), 'error'), formatCount(count('warning'), 'warning')].join(', ')
  const lines = annotations.flatMap(({ level, title, lines: texts }) => [
    `\u001B[${level === 'error' ? '31' : '33'};1m${level}: ${textLine(title)}\u001B[0m`,
    ...texts.map((text) => `  ${textLine(text)}`),
  ])
  const start = `\u001B[0Ksection_start:${seconds}:k3s_mirror\r\u001B[0Kk3s-mirror: ${counts}`
  return `${[start, ...lines, `\u001B[0Ksection_end:${seconds}:k3s_mirror\r\u001B[0K`].join('\n')}\n`
}

/** A report's annotations for the log of a job; empty where nothing deserves attention. `now` is in milliseconds. */
export function formatAnnotations(report: AnnotatedReport, style: AnnotationStyle, now: number = Date.now()): string {
  const annotations = annotationsOf(report)
  if (annotations.length === 0) return ''
  return style === 'github' ? annotations.map(githubLine).join('') : gitlabSection(annotations, Math.floor(now / 1000))
}
