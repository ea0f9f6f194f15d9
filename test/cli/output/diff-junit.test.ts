import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDiffJunit } from '../../../src/cli/output/diff-junit.ts'
import { version } from '../../../src/version.ts'
import { diffSample, renamedSample } from './diff-sample.ts'
import { readXml } from './read-xml.ts'
import { hostile } from './verify-sample.ts'

test('writes a test case for each image, which fails only where the image could not be compared', () => {
  const document = readXml(formatDiffJunit(diffSample))
  assert.deepEqual([document.attributes['tests'], document.attributes['failures'], document.attributes['time']], ['6', '1', '1.500'])
  const [suite] = document.children
  assert.equal(suite?.attributes['name'], 'diff v1.36.3+k3s1 stable')
  const [properties, ...others] = suite?.children ?? []
  assert.deepEqual(
    properties?.children.map(({ attributes }) => attributes['value']),
    [version, 'v1.36.3+k3s1 (release, 5 images)', 'stable (release v1.37.1+k3s1, 5 images)'],
  )
  const found = others.map(({ attributes, text, children: [inner] }) => [attributes['name'], inner?.name, inner?.text ?? text])
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`
  const why = 'docker.io/rancher/gone:v1 not found: the source has no tag v1 (NOT_FOUND)'
  assert.deepEqual(found, [
    ['docker.io/rancher/new:v1', 'system-out', 'added'],
    ['docker.io/rancher/old:v1', 'system-out', 'removed'],
    ['docker.io/rancher/klipper-lb:v0.4.17', 'system-out', 'retagged: A has v0.4.16'],
    ['docker.io/rancher/mirrored-pause:3.6', 'system-out', `changed: A has ${digest('3')}, B has ${digest('4')}`],
    ['docker.io/rancher/gone:v1', 'failure', why],
    ['docker.io/rancher/same:v1', 'system-out', 'unchanged'],
    [undefined, undefined, '--include "x" matches no image'],
  ])
})

test('writes the former name of a renamed image', () => {
  const [suite] = readXml(formatDiffJunit(renamedSample)).children
  const notes = suite?.children.slice(1).map(({ children: [inner] }) => inner?.text)
  assert.deepEqual(notes, [
    'renamed: A has docker.io/rancher/klipper-lb, same bytes',
    'renamed: A has docker.io/rancher/pause:3.9, same bytes',
    'renamed: A has docker.io/rancher/old, same name',
  ])
})

test('has a failing case where a side cannot be used, and stays valid XML with any text', () => {
  const error = { code: 'UNREACHABLE', message: hostile } as const
  const [suite] = readXml(formatDiffJunit({ ...diffSample, images: [], error })).children
  assert.equal(suite?.attributes['failures'], '1')
  readXml(formatDiffJunit({ ...diffSample, a: { ...diffSample.a, given: hostile }, warnings: [hostile] }))
})
