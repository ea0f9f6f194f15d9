import type { ManyPlanReport, PlannedImage, PlanReport } from '../../report/plan-report.ts'
import { formatJunit, type JunitCase, type JunitSuite } from './junit.ts'
import { beginningOf, junitFailure, releasesOf, secondsOf } from './run-junit.ts'

function testcase({ source: name, state, previousDigest }: PlannedImage): JunitCase {
  if (state === 'skipped') return { name, skipped: `skipped: the destination keeps ${previousDigest ?? ''}` }
  return { name, note: previousDigest === undefined ? state : `${state}: replaces ${previousDigest}` }
}

/** A plan for one destination as a suite. */
export function planSuite(report: PlanReport): JunitSuite {
  const { destination, images, failures, warnings, tool, startedAt, error } = report
  const failed = failures.map(({ source, error: why }) => ({ name: source, failure: junitFailure(why) }))
  return {
    name: `plan ${destination}`,
    cases: [...beginningOf(error, images.length + failures.length), ...images.map(testcase), ...failed],
    properties: { version: tool.version, destination, ...releasesOf(report) },
    remarks: warnings,
    seconds: secondsOf(report),
    startedAt,
  }
}

/** A plan as JUnit XML: a destination is a suite, and an image a test case, which fails where the image could not be planned. Ends with a newline. */
export function formatPlanJunit(report: PlanReport | ManyPlanReport): string {
  return formatJunit('k3s-mirror plan', ('destinations' in report ? report.destinations : [report]).map(planSuite))
}
