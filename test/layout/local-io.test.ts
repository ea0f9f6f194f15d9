import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MirrorError } from '../../src/errors.ts'
import { localIo } from '../../src/layout/local-io.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { tempDir } from '../servers/temp-dir.ts'

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code })
}

test('reports the free space of a full disk, and a hint for every class of errors', async () => {
  const path = join(tmpdir(), 'not', 'there')
  const full = await localIo(systemError('ENOSPC'), 'write', path)
  assert.equal(full.code, 'LOCAL_IO')
  assert.match(full.message, /^cannot write .*\/not\/there: no space left on device \(\d+ MiB free\)$/)
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EMFILE']) {
    const error = await localIo(systemError(code), 'write', path)
    assert.match(error.message, /^cannot write .*\/not\/there: /)
    assert.ok((error.hint ?? '').length > 20, code)
  }
})

test('keeps a MirrorError as it is', async () => {
  const error = new MirrorError('INTEGRITY', 'x')
  assert.equal(await localIo(error, 'write', 'y'), error)
})

test('a directory without the right to write is LOCAL_IO', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere')
  await using dir = await tempDir()
  const path = join(dir.path, 'closed')
  await mkdir(path)
  await chmod(path, 0o500)
  await assert.rejects(openLayout(path), { code: 'LOCAL_IO' })
})
