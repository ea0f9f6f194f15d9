import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatVerifyJunit } from '../../../src/cli/output/verify-junit.ts'
import { version } from '../../../src/version.ts'
import { readXml } from './read-xml.ts'
import { hostile, incomplete, reportOver, whole } from './verify-sample.ts'

test('writes a test case for each image, its problems as the failure, and warnings as output', () => {
  const document = readXml(formatVerifyJunit(reportOver([whole, incomplete], { warnings: ['mind the gap'] })))
  const counts = { tests: '2', failures: '1', errors: '0', skipped: '0', time: '1.200' }
  assert.deepEqual([document.name, document.attributes], ['testsuites', { name: 'k3s-mirror verify', ...counts }])
  const [suite] = document.children
  assert.deepEqual(suite?.attributes, {
    name: 'images as a node with /etc/rancher/k3s/registries.yaml',
    ...counts,
    timestamp: '2026-01-02T03:04:05.000Z',
  })
  const [properties, first, second, output] = suite?.children ?? []
  assert.deepEqual(properties?.children[0]?.attributes, { name: 'version', value: version })
  assert.deepEqual([first?.name, first?.attributes], ['testcase', { name: whole.reference, classname: 'k3s-mirror verify' }])
  assert.deepEqual(
    first?.children.map(({ name, text }) => [name, text]),
    [['system-out', 'ok, served by https://r.example:5000/v2']],
  )
  const [failure] = second?.children ?? []
  const [problem] = incomplete.problems
  assert.deepEqual([failure?.name, failure?.attributes], ['failure', { message: problem?.message ?? '', type: 'incomplete' }])
  assert.equal(failure?.text, `${problem?.message} (NOT_FOUND)`)
  assert.match(output?.text ?? '', /^mind the gap\nanother endpoint served 1 image instead of /)
})

test('stays valid XML with any text of a registry', () => {
  const text = fc.oneof(
    fc.constant(hostile),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('<', '&', ']', '>', '"', 'a') }),
  )
  fc.assert(
    fc.property(text, text, (message, reference) => {
      const images = [{ ...incomplete, reference, problems: [{ code: 'PROTOCOL' as const, message }] }]
      const [suite] = readXml(formatVerifyJunit(reportOver(images, { warnings: [message] }))).children
      assert.equal(suite?.children[1]?.children[0]?.name, 'failure')
    }),
  )
})

test('writes no test cases without images', () => {
  const [suite] = readXml(formatVerifyJunit(reportOver([]))).children
  assert.deepEqual(
    suite?.children.map(({ name }) => name),
    ['properties'],
  )
})
