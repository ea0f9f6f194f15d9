import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffImages } from '../../src/runs/diff-images.ts'
import { lockedRelease } from './locked-release.ts'

test('compares with the platforms of a lock file', async () => {
  await using at = await lockedRelease()
  await at.lock({ platforms: ['linux/amd64'] })
  await at.mirror()
  const compare = (a: string, b: string) => diffImages({ ...at.reach, a, b })
  const { totals } = await compare(at.destination.url, at.file)
  assert.deepEqual([totals.unchanged, totals.changed, totals.bytes], [2, 0, 0])

  const whole = `${at.directory}/whole.lock.yaml`
  await at.lock({ out: whole })
  await assert.rejects(compare(at.file, whole), { code: 'USAGE', message: 'the lock files are for different platforms' })
})
