import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryReleases, withReleases } from '../../src/layout/entry-releases.ts'

const entry = { mediaType: 'm', digest: 'sha256:a', size: 1, annotations: { kept: 'yes' }, platform: { os: 'linux' } }

test('adds releases to an entry, keeps everything else, and changes nothing for known ones', () => {
  const line = JSON.stringify(entry)
  const once = withReleases(line, ['v1.36.2+k3s1'])
  const twice = withReleases(once, ['v1.36.2+k3s1', 'v1.37.1+k3s1'])
  assert.deepEqual(JSON.parse(twice), { ...entry, annotations: { kept: 'yes', 'io.k3s-mirror.releases': 'v1.36.2+k3s1,v1.37.1+k3s1' } })
  assert.deepEqual(entryReleases(twice), { digest: 'sha256:a', releases: ['v1.36.2+k3s1', 'v1.37.1+k3s1'] })
  assert.equal(withReleases(twice, ['v1.37.1+k3s1']), twice)
  assert.equal(entryReleases(line), undefined)
})

test('ignores what is not a release tag, and lines with several entries', () => {
  const planted = (releases: unknown): string => JSON.stringify({ ...entry, annotations: { 'io.k3s-mirror.releases': releases } })
  assert.deepEqual(entryReleases(planted('<b>,v1.36.2+k3s1,,latest,v1 2'))?.releases, ['v1.36.2+k3s1'])
  for (const value of [7, null, '', '<b>']) assert.equal(entryReleases(planted(value)), undefined)
  assert.equal(entryReleases(planted(`v1${',v1'.repeat(100_000)}`))?.releases.length, 200)
  const line = JSON.stringify(entry)
  assert.equal(withReleases(line, ['not a release']), line)
  const both = `${line},\n${planted('v1.36.2+k3s1')}`
  assert.equal(withReleases(both, ['v1.36.2+k3s1']), both)
  assert.equal(entryReleases(both), undefined)
})
