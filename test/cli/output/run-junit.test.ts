import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatFailureJunit } from '../../../src/cli/output/failure-formats.ts'
import { formatPlanJunit } from '../../../src/cli/output/plan-junit.ts'
import { formatRunJunit } from '../../../src/cli/output/run-junit.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import { version } from '../../../src/version.ts'
import { sourceOf } from '../../report/sample-events.ts'
import { readXml, type XmlElement } from './read-xml.ts'
import { oldDigest, samplePlan, sampleRun } from './sample-run.ts'
import { hostile } from './verify-sample.ts'

/** Test cases as name, what is in them, and its message or text. */
function cases(
  suite: XmlElement | undefined,
): readonly (readonly [name: string | undefined, kind: string | undefined, text: string | undefined])[] {
  return (suite?.children ?? [])
    .filter(({ name }) => name === 'testcase')
    .map(({ attributes, children: [inner] }) => [attributes['name'], inner?.name, inner?.attributes['message'] ?? inner?.text])
}

describe('formatRunJunit', () => {
  it('writes a suite for the destination, and a test case for each image', () => {
    const document = readXml(formatRunJunit(sampleRun()))
    const counts = { tests: '4', failures: '1', errors: '0', skipped: '1', time: '2.000' }
    assert.deepEqual(document.attributes, { name: 'k3s-mirror mirror', ...counts })
    const [suite] = document.children
    assert.deepEqual(suite?.attributes, { name: 'mirror registry.test:5000', ...counts, timestamp: '2026-01-02T03:04:05.000Z' })
    assert.deepEqual(
      suite?.children[0]?.children.map(({ attributes }) => attributes),
      [
        { name: 'version', value: version },
        { name: 'destination', value: 'registry.test:5000' },
      ],
    )
    assert.deepEqual(cases(suite), [
      [sourceOf('a'), 'failure', 'not found: oddly configured'],
      [sourceOf('b'), 'system-out', `replaced ${oldDigest}`],
      [sourceOf('c'), 'system-out', 'up to date'],
      [sourceOf('d'), 'skipped', `skipped: the destination keeps ${oldDigest}`],
    ])
    assert.match(formatRunJunit(sampleRun()), /type="NOT_FOUND">not found: oddly configured \(NOT_FOUND\)\nhint: check --from</)
  })

  it('writes a suite for each of several destinations, with a failing case for one that could not begin', () => {
    const run = sampleRun()
    const notBegun = { ...run, images: [], error: { code: 'UNREACHABLE', message: 'cannot connect' } as const }
    const many = { ...reportHead(''), command: 'mirror', destinations: [run, notBegun], totals: run.totals } as const
    const suites = readXml(formatRunJunit(many)).children
    assert.equal(suites.length, 2)
    assert.deepEqual(cases(suites[1]), [['begin', 'failure', 'cannot connect']])
  })

  it('stays valid XML with any text of a registry', () => {
    readXml(formatRunJunit(sampleRun(hostile)))
    readXml(formatPlanJunit(samplePlan(hostile)))
  })
})

describe('formatPlanJunit', () => {
  it('fails where an image could not be planned', () => {
    const [suite] = readXml(formatPlanJunit(samplePlan())).children
    assert.equal(suite?.attributes['time'], '1.500')
    assert.deepEqual(suite?.children[0]?.children.at(-1)?.attributes, { name: 'release', value: 'v1.37.1+k3s1' })
    assert.deepEqual(cases(suite), [
      [sourceOf('b'), 'system-out', `changed: replaces ${oldDigest}`],
      [sourceOf('d'), 'skipped', `skipped: the destination keeps ${oldDigest}`],
      [sourceOf('a'), 'failure', 'oddly configured'],
    ])
  })
})

describe('formatFailureJunit', () => {
  it('has one test case, which fails', () => {
    const report = {
      ...reportHead('2026-01-02T03:04:05.000Z'),
      command: null,
      error: { code: 'USAGE', message: 'unknown command' } as const,
    }
    const document = readXml(formatFailureJunit(report))
    assert.equal(document.attributes['failures'], '1')
    assert.deepEqual(cases(document.children[0]), [['begin', 'failure', 'unknown command']])
  })
})
