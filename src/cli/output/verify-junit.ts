import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { formatJunit, type JunitCase } from './junit.ts'
import { describeSubject, endpointNotes, formatProblem, servedBy } from './verify-table.ts'

function testcase(image: VerifiedImage): JunitCase {
  const { reference: name, status, problems } = image
  const [first] = problems
  if (first === undefined) return { name, note: `${status}, served by ${servedBy(image)}` }
  return { name, failure: { message: first.message, type: status, lines: problems.map(formatProblem) } }
}

/** A verification as JUnit XML: an image is a test case, and its problems are the failure. Ends with a newline. */
export function formatVerifyJunit(report: VerifyReport): string {
  const { images, totals, warnings, tool, startedAt } = report
  return formatJunit('k3s-mirror verify', [
    {
      name: `images ${describeSubject(report)}`,
      cases: images.map(testcase),
      properties: { version: tool.version },
      remarks: [...warnings, ...endpointNotes(report)],
      seconds: totals.seconds,
      startedAt,
    },
  ])
}
