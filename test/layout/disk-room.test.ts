import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskRoom } from '../../src/layout/disk-room.ts'
import { smallDisk } from '../servers/small-disk.ts'
import { tempDir } from '../servers/temp-dir.ts'

const mebibyte = 1024 * 1024

test('refuses what does not fit, with both numbers, and counts each blob once', async (t) => {
  await using disk = await smallDisk(t, '64m')
  if (disk === undefined) return
  const room = new DiskRoom(`${disk.path}/not/made/yet`)
  const blob = (digest: string, size: number) => [{ digest, size: size * mebibyte }]
  await room.expect(blob('sha256:a', 30))
  await room.expect(blob('sha256:a', 30))
  await room.expect(blob('sha256:b', 30))
  await assert.rejects(room.expect(blob('sha256:c', 30)), {
    code: 'NO_SPACE',
    side: 'destination',
    message: `not enough disk space: 95 MB needed, ${disk.path}/not/made/yet has 68 MB free`,
    hint: 'free space on that file system, or choose a directory on another one',
  })
  room.begun('sha256:a')
  await room.expect(blob('sha256:c', 30))
  await assert.rejects(room.expect([], 30 * mebibyte), { code: 'NO_SPACE' })
})

test('accepts what fits', async () => {
  await using directory = await tempDir()
  await new DiskRoom(directory.path).expect([{ digest: 'sha256:a', size: 1 }])
})
