import XmlBuilder from 'fast-xml-builder'
import { textLine } from './flags.ts'

/** Characters that XML 1.0 cannot contain, not even escaped: https://www.w3.org/TR/xml/#charsets */
const forbidden = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/** What went wrong in a test case. */
export interface JunitFailure {
  readonly message: string
  readonly type: string
  /** One problem a line. */
  readonly lines: readonly string[]
}

/** One image: what is neither failed nor skipped has passed. */
export interface JunitCase {
  readonly name: string
  readonly failure?: JunitFailure | undefined
  /** Why it was skipped. */
  readonly skipped?: string | undefined
  /** What is worth knowing of one that passed. */
  readonly note?: string | undefined
}

/** A suite of test cases. */
export interface JunitSuite {
  readonly name: string
  readonly cases: readonly JunitCase[]
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** Remarks on the whole suite, one a line. */
  readonly remarks?: readonly string[] | undefined
  readonly seconds: number
  /** When it began, in ISO 8601. */
  readonly startedAt: string
}

function text(value: string): string {
  return textLine(value).replace(forbidden, '')
}

function testcase({ name, failure, skipped, note }: JunitCase, className: string): object {
  const named = { '@_name': text(name), '@_classname': text(className) }
  if (failure !== undefined) {
    const { message, type, lines } = failure
    return { ...named, failure: { '@_message': text(message), '@_type': type, '#text': lines.map(text).join('\n') } }
  }
  if (skipped !== undefined) return { ...named, skipped: { '@_message': text(skipped) } }
  return { ...named, ...(note !== undefined && { 'system-out': text(note) }) }
}

function countsOf(cases: readonly JunitCase[], seconds: number): Readonly<Record<string, string>> {
  return {
    '@_tests': String(cases.length),
    '@_failures': String(cases.filter(({ failure }) => failure !== undefined).length),
    '@_errors': '0',
    '@_skipped': String(cases.filter(({ failure, skipped }) => failure === undefined && skipped !== undefined).length),
    '@_time': seconds.toFixed(3),
  }
}

function testsuite({ name, cases, properties = {}, remarks = [], seconds, startedAt }: JunitSuite, command: string): object {
  const named = Object.entries(properties).map(([key, value]) => ({ '@_name': key, '@_value': text(value) }))
  return {
    '@_name': text(name),
    ...countsOf(cases, seconds),
    '@_timestamp': startedAt,
    ...(named.length > 0 && { properties: { property: named } }),
    ...(cases.length > 0 && { testcase: cases.map((one) => testcase(one, command)) }),
    ...(remarks.length > 0 && { 'system-out': remarks.map(text).join('\n') }),
  }
}

/**
 * Suites as JUnit XML, which pipelines show as tests; `command` is the class of every test case, with the suite where there are several: GitLab shows
 * only the first of the cases that have one class and name. `seconds` are of the whole, by default of the longest suite. Ends with a newline.
 * https://github.com/testmoapp/junitxml describes what pipelines read.
 */
export function formatJunit(
  command: string,
  suites: readonly JunitSuite[],
  seconds: number = suites.reduce((most, suite) => Math.max(most, suite.seconds), 0),
): string {
  const all = suites.flatMap(({ cases }) => cases)
  const document = {
    '?xml': { '@_version': '1.0', '@_encoding': 'UTF-8' },
    testsuites: {
      '@_name': command,
      ...countsOf(all, seconds),
      testsuite: suites.map((suite) => testsuite(suite, suites.length > 1 ? `k3s-mirror ${suite.name}` : command)),
    },
  }
  const builder = new XmlBuilder({ ignoreAttributes: false, suppressBooleanAttributes: false, suppressEmptyNode: true, format: true })
  return `${builder.build(document).trimEnd()}\n`
}
