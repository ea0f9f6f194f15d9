import XmlBuilder from 'fast-xml-builder'
import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { textLine } from './flags.ts'
import { describeSubject, endpointNotes, formatProblem, servedBy } from './verify-table.ts'

/** Characters that XML 1.0 cannot contain, not even escaped: https://www.w3.org/TR/xml/#charsets */
const forbidden = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

function text(value: string): string {
  return textLine(value).replace(forbidden, '')
}

function testcase(image: VerifiedImage): object {
  const { reference, status, problems } = image
  const named = { '@_name': text(reference), '@_classname': 'k3s-mirror verify' }
  const [first] = problems
  if (first === undefined) return { ...named, 'system-out': text(`${status}, served by ${servedBy(image)}`) }
  const lines = problems.map((problem) => text(formatProblem(problem)))
  return { ...named, failure: { '@_message': text(first.message), '@_type': status, '#text': lines.join('\n') } }
}

/**
 * A verification as JUnit XML, which pipelines show as tests: an image is a test case, and its problems are the failure.
 * https://github.com/testmoapp/junitxml describes what pipelines read. Ends with a newline.
 */
export function formatVerifyJunit(report: VerifyReport): string {
  const { images, totals, warnings } = report
  const counts = {
    '@_tests': String(totals.images),
    '@_failures': String(totals.failed),
    '@_errors': '0',
    '@_skipped': '0',
    '@_time': totals.seconds.toFixed(3),
  }
  const remarks = [...warnings, ...endpointNotes(report)].map(text)
  const document = {
    '?xml': { '@_version': '1.0', '@_encoding': 'UTF-8' },
    testsuites: {
      '@_name': 'k3s-mirror verify',
      ...counts,
      testsuite: {
        '@_name': text(`images ${describeSubject(report)}`),
        ...counts,
        ...(images.length > 0 && { testcase: images.map(testcase) }),
        ...(remarks.length > 0 && { 'system-out': remarks.join('\n') }),
      },
    },
  }
  const builder = new XmlBuilder({ ignoreAttributes: false, suppressBooleanAttributes: false, suppressEmptyNode: true, format: true })
  return `${builder.build(document).trimEnd()}\n`
}
