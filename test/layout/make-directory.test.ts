import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { makeDirectory } from '../../src/layout/make-directory.ts'
import { smallDisk } from '../servers/small-disk.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('makes directories with their mode, also where several do so at once, and says whether they are new', async () => {
  await using directory = await tempDir()
  const path = `${directory.path}/a/b/c`
  const made = await Promise.all(Array.from({ length: 8 }, () => makeDirectory(path, 0o700)))
  assert.equal(made.filter(Boolean).length, 1)
  assert.equal((await stat(`${directory.path}/a`)).mode & 0o777, 0o700)
  await writeFile(`${directory.path}/file`, '')
  await assert.rejects(makeDirectory(`${directory.path}/file`), { code: 'EEXIST' })
  await assert.rejects(makeDirectory('/proc/none/at/all'), { code: 'ENOENT' })
})

test('a read-only file system is named as such', async (t) => {
  await using disk = await smallDisk(t, '1m')
  if (disk === undefined) return
  await mkdir(`${disk.path}/data`)
  await promisify(execFile)('mount', ['-o', 'remount,ro', disk.path])
  await assert.rejects(makeDirectory(`${disk.path}/data/private/more`), { code: 'EROFS' })
  assert.equal(await makeDirectory(`${disk.path}/data`), false)
})

test('nothing makes directories with the recursion of Node', async () => {
  for (const name of await readdir('src', { recursive: true })) {
    if (!name.endsWith('.ts')) continue
    assert.doesNotMatch(await readFile(`src/${name}`, 'utf8'), /mkdir(?:Sync)?\([^\n]*recursive/, name)
  }
})
