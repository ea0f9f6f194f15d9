import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { readRegistries } from '../../../src/registries-yaml/read/read-registries.ts'
import { tempDir } from '../../servers/temp-dir.ts'

const skip = process.platform === 'win32' && 'Windows has no named pipes'

test('a named pipe without a writer is rejected at once', { skip, timeout: 10_000 }, async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'pipe')
  execFileSync('mkfifo', [path])
  await assert.rejects(readRegistries(path), { code: 'INVALID_CONFIG', message: `cannot read ${path}: not a regular file` })
})

test('a file that is too large is rejected with a hint', async () => {
  await using dir = await tempDir()
  const path = await dir.write('image.tar', '#'.repeat(256 * 1024 + 1))
  const hint = 'pass a registries.yaml, which has a few KiB'
  await assert.rejects(readRegistries(path), { code: 'INVALID_CONFIG', message: `cannot read ${path}: larger than 256 KiB`, hint })
})
