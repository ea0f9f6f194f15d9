import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { findDebianPackages } from '../../scripts/image/debian-packages.ts'
import { findProgram } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('reports that packages of another architecture cannot be downloaded, and keeps no part of them', async (t) => {
  if (findProgram('apt-get') === undefined) return t.skip('apt-get is not installed')
  await using directory = await tempDir()
  const sources = ['Dir::Etc::SourceList "/dev/null";', 'Dir::Etc::SourceParts "/dev/null";', '']
  process.env['APT_CONFIG'] = await directory.write('apt.conf', sources.join('\n'))
  try {
    await assert.rejects(findDebianPackages('s390x', `${directory.path}/build`), (error: Error) => {
      assert.match(error.message, /^cannot download Debian's packages for s390x: E: Unable to locate package \S+\nhint: .*--base <image>/)
      return true
    })
  } finally {
    delete process.env['APT_CONFIG']
  }
  assert.deepEqual(await readdir(`${directory.path}/build`), ['debian-s390x.part'])
})
