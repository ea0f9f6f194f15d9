import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSyncJunit } from '../../../src/cli/output/sync-junit.ts'
import { readXml, type XmlElement } from './read-xml.ts'
import { sampleSync, sampleSyncCheck } from './sync-sample.ts'

/** Suites by name, tests and failures. */
function suites({ children }: XmlElement): readonly (readonly (string | undefined)[])[] {
  return children.map(({ attributes: { name, tests, failures } }) => [name, tests, failures])
}

test('writes a suite for each destination of an entry, and a failing case for an entry that could not begin', () => {
  const document = readXml(formatSyncJunit(sampleSync()))
  assert.deepEqual(document.attributes, { name: 'k3s-mirror sync', tests: '9', failures: '3', errors: '0', skipped: '2', time: '10.000' })
  assert.deepEqual(suites(document), [
    ['sync k3s -> registry.test:5000', '4', '1'],
    ['sync k3s -> oci:/site', '4', '1'],
    ['sync apps', '1', '1'],
  ])
  // GitLab shows only the first of the cases with one class and name.
  const cases = document.children.flatMap(({ children }) => children.filter(({ name }) => name === 'testcase'))
  assert.equal(new Set(cases.map(({ attributes: { classname, name } }) => `${classname} ${name}`)).size, 9)
})

test('writes the same of a check', () => {
  assert.deepEqual(suites(readXml(formatSyncJunit(sampleSyncCheck()))), [
    ['sync k3s -> registry.test:5000', '3', '1'],
    ['sync apps -> oci:/site', '1', '1'],
  ])
})
