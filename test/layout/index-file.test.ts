import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import { IndexFile } from '../../src/layout/index-file.ts'
import { failureReply } from '../../src/registry-server/reply.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { tinyImage } from './tiny-image.ts'

const { descriptor } = tinyImage().root

function tagged(tag: string): { readonly registry: string; readonly path: string; readonly tag: string } {
  return { registry: 'docker.io', path: 'rancher/x', tag }
}

async function openIndex(directory: string, maxBytes: number): Promise<IndexFile> {
  const index = new IndexFile(directory, false, maxBytes)
  await index.read({ read: async () => undefined })
  await index.openForWriting(directory)
  return index
}

test('a tag that would make the index larger than what is read is refused, and nothing is lost by it', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'index.json')
  const index = await openIndex(dir.path, 5000)
  let refused: unknown
  let count = 0
  while (refused === undefined) {
    const before = await readFile(path, 'utf8')
    await index.set(tagged(`t${count}`), descriptor).then(
      () => count++,
      async (error: unknown) => {
        refused = error
        assert.equal(await readFile(path, 'utf8'), before)
      },
    )
  }
  assert.ok(count > 10)
  assert.ok(isMirrorError(refused))
  assert.equal(refused.code, 'NO_SPACE')
  assert.match(refused.message, /index\.json would be larger than [\d.]+ MiB$/)
  const answer = failureReply(refused)
  assert.equal(answer.status, 507)
  assert.match(answer.body as string, /no room for more tags/)
  // Deletions work, the others still fit, and the file can be opened again.
  await index.remove([tagged('t0')])
  await index.set(tagged('u0'), descriptor)
  await assert.rejects(index.set(tagged('u1'), descriptor), { code: 'NO_SPACE' })
  const again = new IndexFile(dir.path, false, 5000)
  assert.equal((await again.read({ read: async () => undefined })).named.length, count)
})

test('an index that has not changed is not written', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'index.json')
  await (await openIndex(dir.path, 5000)).set(tagged('1'), descriptor)
  const { ino } = await stat(path)
  const index = await openIndex(dir.path, 5000)
  await index.set(tagged('1'), descriptor)
  assert.equal((await stat(path)).ino, ino)
  await Promise.all([index.set(tagged('2'), descriptor), index.set(tagged('2'), descriptor)])
  assert.match(await readFile(path, 'utf8'), /rancher\/x:2/)
})
