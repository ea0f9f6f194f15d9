import assert from 'node:assert/strict'
import { mkdir, realpath, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { bundleTarget } from '../../src/bundle/bundle-target.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('a link to a file that is still to be made is followed from the directory in which it really lies', async () => {
  await using directory = await tempDir()
  const root = await realpath(directory.path)
  await mkdir(`${root}/disk/bundles`, { recursive: true })
  await symlink('../k3s.tar', `${root}/disk/bundles/k3s.tar`)
  await symlink('disk/bundles', `${root}/bundles`)
  assert.equal(await bundleTarget(`${root}/bundles/k3s.tar`), `${root}/disk/k3s.tar`)
})
