import type { ErrorSummary } from '../../copy/events.ts'
import type { ReportHead } from '../../report/report-head.ts'
import type { FileReport, ImageReport, ManyReport, MirrorReport } from '../../report/report.ts'
import { formatErrorLine } from './error-text.ts'
import { formatJunit, type JunitCase, type JunitFailure, type JunitSuite } from './junit.ts'
import { fileWords, wordsFor } from './run-words.ts'

/** An error as the failure of a test case. */
export function junitFailure(error: ErrorSummary): JunitFailure {
  const { code, message, hint } = error
  return { message, type: code, lines: [formatErrorLine(error), ...(hint === undefined ? [] : [`hint: ${hint}`])] }
}

/** The case that fails where a run has no images that could fail. */
export function beginningOf(error: ErrorSummary | undefined, images: number): readonly JunitCase[] {
  return error === undefined || images > 0 ? [] : [{ name: 'begin', failure: junitFailure(error) }]
}

/** How long a run took. */
export function secondsOf({ startedAt, finishedAt }: ReportHead): number {
  return (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000
}

/** The releases of a run's lists, for the properties of a suite. */
export function releasesOf({ lists }: Pick<MirrorReport, 'lists'>): Readonly<Record<string, string>> {
  const releases = lists.flatMap(({ release }) => release ?? [])
  return releases.length === 0 ? {} : { release: releases.join(' ') }
}

/** How an image ended, in words. */
export function describeEnd({ status, previousDigest = '' }: ImageReport, { command }: Pick<MirrorReport, 'command'>): string {
  const { done, unchanged } = wordsFor(command)
  if (status === 'replaced') return `replaced ${previousDigest}`
  if (status === 'skipped') return `skipped: the destination keeps ${previousDigest}`
  return status === 'up-to-date' ? unchanged : status === 'copied' ? done : 'failed'
}

function testcase(image: ImageReport, report: MirrorReport): JunitCase {
  const { source: name, status, error } = image
  if (error !== undefined) return { name, failure: junitFailure(error) }
  const end = describeEnd(image, report)
  return status === 'skipped' ? { name, skipped: end } : { name, note: end }
}

function fileCase({ path: name, status, error }: FileReport): JunitCase {
  return error === undefined ? { name, note: fileWords[status] } : { name, failure: junitFailure(error) }
}

/** A run to one destination as a suite. */
export function runSuite(report: MirrorReport): JunitSuite {
  const { command, destination, images, files = [], totals, warnings, tool, startedAt, error } = report
  return {
    name: `${command} ${destination}`,
    cases: [...beginningOf(error, images.length), ...images.map((image) => testcase(image, report)), ...files.map(fileCase)],
    properties: { version: tool.version, destination, ...releasesOf(report) },
    remarks: warnings,
    seconds: totals.seconds,
    startedAt,
  }
}

/** A run that copies images as JUnit XML: a destination is a suite, and an image a test case. Ends with a newline. */
export function formatRunJunit(report: MirrorReport | ManyReport): string {
  return formatJunit(`k3s-mirror ${report.command}`, 'destinations' in report ? report.destinations.map(runSuite) : [runSuite(report)])
}
