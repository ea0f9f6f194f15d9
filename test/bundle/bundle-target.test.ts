import assert from 'node:assert/strict'
import { chmod, mkdir, realpath, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { bundleTarget, lockTarget } from '../../src/bundle/bundle-target.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('a link to a file that is still to be made is followed from the directory in which it really lies', async () => {
  await using directory = await tempDir()
  const root = await realpath(directory.path)
  await mkdir(`${root}/disk/bundles`, { recursive: true })
  await symlink('../k3s.tar', `${root}/disk/bundles/k3s.tar`)
  await symlink('disk/bundles', `${root}/bundles`)
  assert.equal(await bundleTarget(`${root}/bundles/k3s.tar`), `${root}/disk/k3s.tar`)
})

test('refuses a bundle and a lock file in a directory that is missing or a file, and in place of a directory', async () => {
  await using directory = await tempDir()
  const { path } = directory
  const file = await directory.write('file', '')
  await mkdir(`${path}/directory.tar`)
  for (const [target, what] of [
    [bundleTarget, 'the bundle'],
    [lockTarget, 'the lock file'],
  ] as const) {
    const missing = `cannot write ${what}: the directory "${path}/none" does not exist`
    await assert.rejects(target(`${path}/none/k3s.tar`), {
      code: 'USAGE',
      message: missing,
      hint: `run mkdir -p ${path}/none, or pass another directory`,
    })
    await assert.rejects(target(`${file}/k3s.tar`), { code: 'USAGE', message: `cannot write ${what}: "${file}" is not a directory` })
    await assert.rejects(target(`${path}/directory.tar`), {
      code: 'USAGE',
      message: `"${path}/directory.tar" exists and is not a regular file`,
    })
  }
})

test('refuses a directory that the user may not write to', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere')
  await using directory = await tempDir()
  await chmod(directory.path, 0o500)
  for (const target of [bundleTarget, lockTarget])
    await assert.rejects(target(`${directory.path}/k3s.tar`), { code: 'LOCAL_IO', message: /EACCES/ })
})
