import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { checkBundle } from '../../src/bundle/check-archive.ts'
import { describeBundle } from '../../src/bundle/describe-archive.ts'
import { openImageArchive } from '../../src/bundle/open-image-archive.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { bundleFiles, packTar } from './bundle-files.ts'

const absent = sha256(Buffer.from('absent'))

/** A compressed bundle that takes a while to come to its end. */
async function packSlow(): Promise<TempDir & { readonly file: string }> {
  const directory = await tempDir()
  await using plain = await packTar({
    ...bundleFiles({ 'docker.io/a/b:1': tinyImage() }),
    [`blobs/${sha256(Buffer.from('zeros')).replace(':', '/')}`]: Buffer.alloc(128 * 1024 * 1024),
  })
  const file = await directory.write('slow.tar.gz', gzipSync(await readFile(plain.path), { level: 1 }))
  return Object.assign(directory, { file })
}

test('a signal ends what waits for the rest of a compressed archive', async () => {
  await using directory = await packSlow()
  const abort = new AbortController()
  await using archive = await openImageArchive(directory.file, { signal: abort.signal })
  const waiting = Promise.allSettled([archive.contents(), archive.holds(absent), archive.end()])
  assert.equal(archive.isListed, false)
  abort.abort()
  assert.deepEqual(
    (await waiting).map((wait) => wait.status === 'rejected' && wait.reason),
    Array(3).fill(abort.signal.reason),
  )
})

test('where the signal was aborted before, nothing is opened, and nothing is said later', async (t) => {
  const unhandled = t.mock.fn()
  process.on('unhandledRejection', unhandled)
  t.after(() => process.off('unhandledRejection', unhandled))
  await using directory = await packSlow()
  const signal = AbortSignal.abort()
  for (const look of [describeBundle, checkBundle]) await assert.rejects(look(directory.file, { signal }), { name: 'AbortError' })
  await new Promise(setImmediate)
  assert.equal(unhandled.mock.callCount(), 0)
})
