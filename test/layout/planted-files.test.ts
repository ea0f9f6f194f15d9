import assert from 'node:assert/strict'
import fs, { chmod, lchown, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { test } from 'node:test'
import { followLinks, refusePlanted } from '../../src/layout/planted-files.ts'
import { replaceFile } from '../../src/layout/replace-file.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('follows every link of a path as the system does, also to what is still to be made', async () => {
  await using directory = await tempDir()
  const root = await realpath(directory.path)
  await mkdir(`${root}/disk/deep`, { recursive: true })
  await symlink('disk/deep', `${root}/link`)
  await symlink('../new', `${root}/disk/deep/file`)
  await symlink(`${root}/link/file`, `${root}/absolute`)
  await symlink('loop', `${root}/loop`)
  for (const [path, leads] of [
    [`${root}/link/file`, `${root}/disk/new`],
    [`${root}/link/../x`, `${root}/disk/x`],
    [`${root}//disk/./deep/`, `${root}/disk/deep`],
    [`${root}/absolute`, `${root}/disk/new`],
    [`${root}/none/at/all`, `${root}/none/at/all`],
    [`${root}/loop`, `${root}/loop`],
    ['/proc/self/fd/1', '/proc/self/fd/1'],
  ] as const) {
    assert.equal(await followLinks(path), leads)
  }
  assert.equal(await followLinks('x/y'), `${await realpath('.')}/x/y`)
})

test('links in the middle of a path count too, and only where everybody may write', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give files to others')
  await using directory = await tempDir()
  const { path } = directory
  await mkdir(`${path}/open/deep`, { recursive: true })
  await symlink('deep', `${path}/open/link`)
  await lchown(`${path}/open/link`, 4711, 4711)
  const through = `${path}/open/link/file`
  assert.equal(await followLinks(through), await followLinks(`${path}/open/deep/file`))
  await refusePlanted(`${path}/open/link`)
  for (const mode of [0o777, 0o1777]) {
    await chmod(`${path}/open`, mode)
    await assert.rejects(followLinks(through), { code: 'USAGE', message: /open\/link is a link of another user \(uid 4711\)/ })
    await assert.rejects(refusePlanted(`${path}/open/link`), { code: 'USAGE' })
    await refusePlanted(`${path}/open/deep`)
  }
})

test('a file is replaced whole, a link there too, and nothing is left of what fails', async () => {
  await using directory = await tempDir()
  const { path } = directory
  await writeFile(`${path}/target`, 'old')
  await symlink('target', `${path}/link`)
  await replaceFile(`${path}/link`, 'new')
  await mkdir(`${path}/directory/x`, { recursive: true })
  await assert.rejects(replaceFile(`${path}/directory`, 'new'))
  assert.deepEqual((await readdir(path)).toSorted(), ['directory', 'link', 'target'])
})

test('without /proc, files of others are refused to a user that the system does not know', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give files to others')
  await using directory = await tempDir()
  await chmod(directory.path, 0o1777)
  await writeFile(`${directory.path}/file`, '')
  await lchown(`${directory.path}/file`, 4711, 4711)
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  const { lstat } = fs
  const unknown = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT')
  }
  t.mock.method(fs, 'lstat', async (path: string) => (path === '/proc/self' ? unknown() : lstat(path)))
  t.mock.method(os, 'userInfo', unknown)
  syncBuiltinESMExports()
  await assert.rejects(refusePlanted(`${directory.path}/file`), { code: 'USAGE', message: /belongs to another user \(uid 4711\)/ })
})
