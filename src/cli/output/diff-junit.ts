import type { DiffedImage, DiffReport } from '../../report/diff-report.ts'
import { describeDiffedSide, diffedVersion } from './diff-table.ts'
import { formatJunit, type JunitCase } from './junit.ts'
import { beginningOf, junitFailure, secondsOf } from './run-junit.ts'

function testcase(image: DiffedImage): JunitCase {
  const { state, a, b, error } = image
  const name = (b ?? a)?.reference ?? ''
  if (error !== undefined) return { name, failure: junitFailure(error) }
  if (state === 'changed') return { name, note: `changed: A has ${a?.digest ?? ''}, B has ${b?.digest ?? ''}` }
  if (state === 'renamed') return { name, note: `renamed: A has ${diffedVersion(image, 'a')}, ${diffedVersion(image, 'b')}` }
  return { name, note: state === 'retagged' ? `retagged: A has ${diffedVersion(image, 'a')}` : state }
}

/** A comparison as JUnit XML: an image is a test case, which fails where it could not be compared. Ends with a newline. */
export function formatDiffJunit(report: DiffReport): string {
  const { a, b, images, warnings, tool, startedAt, error } = report
  return formatJunit('k3s-mirror diff', [
    {
      name: `diff ${a.given} ${b.given}`,
      cases: [...beginningOf(error, images.length), ...images.map(testcase)],
      properties: { version: tool.version, a: describeDiffedSide(a), b: describeDiffedSide(b) },
      remarks: warnings,
      seconds: secondsOf(report),
      startedAt,
    },
  ])
}
