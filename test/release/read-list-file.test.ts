import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { decodeList, maxListBytes } from '../../src/release/list-text.ts'
import { readListFile, readListStream } from '../../src/release/read-list-file.ts'
import { readPipe } from '../../src/release/read-pipe.ts'
import { tempDir } from '../servers/temp-dir.ts'

const windows = process.platform === 'win32'
const skip = windows && 'Windows has no such files'
/** Fires soon; unlike AbortSignal.timeout it keeps the process alive until then. */
function soon(): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('stopped')), 20)
  return controller.signal
}
const inTime = (): AbortSignal => AbortSignal.timeout(20_000)

test('a file is read whole', async () => {
  await using dir = await tempDir()
  const path = await dir.write('list.txt', 'alpine\n')
  assert.equal(Buffer.from(await readListFile(path)).toString(), 'alpine\n')
})

test('names a missing file, a directory and an unreadable file', async () => {
  await using dir = await tempDir()
  const missing = join(dir.path, 'missing.txt')
  await assert.rejects(readListFile(missing), {
    code: 'INVALID_LIST',
    message: `${missing}: no such file`,
    hint: /options\.images/,
  })
  await assert.rejects(readListFile(join(await dir.write('x', ''), 'list.txt')), { code: 'INVALID_LIST', message: /no such file/ })
  await assert.rejects(readListFile(dir.path), { code: 'INVALID_LIST', message: `${dir.path}: this is a directory, not an image list` })
})

test('names a file without read permission', { skip: skip || (process.getuid?.() === 0 && 'root may read everything') }, async () => {
  await using dir = await tempDir()
  const path = await dir.write('list.txt', 'alpine\n')
  await chmod(path, 0o000)
  await assert.rejects(readListFile(path), { code: 'INVALID_LIST', message: /permission denied/ })
})

test('an endless device is refused at once', { skip }, async () => {
  for (const path of ['/dev/zero', '/dev/urandom']) {
    const bytes = await readListFile(path, { signal: inTime() })
    assert.ok(bytes.length < maxListBytes, path)
    assert.throws(() => decodeList(bytes, path), { code: 'INVALID_LIST', message: new RegExp(`^${path}: this is a .*file`) })
  }
})

test('a file larger than 10 MiB is refused', async () => {
  await using dir = await tempDir()
  const path = await dir.write('list.txt', 'alpine\n'.repeat(2_000_000))
  await assert.rejects(readListFile(path), { code: 'INVALID_LIST', message: /larger than 10 MiB/ })
})

test('a named pipe is read, however late its writer comes; endless text is refused', { skip }, async (t) => {
  await using dir = await tempDir()
  const path = join(dir.path, 'pipe')
  execFileSync('mkfifo', [path])
  const late = readListFile(path, { signal: inTime() })
  const writer = spawn('sh', ['-c', 'exec 3>"$0"; printf "alpine\\n" >&3; printf "busybox\\n" >&3', path])
  t.after(() => writer.kill())
  const written = once(writer, 'close')
  assert.equal(Buffer.from(await late).toString(), 'alpine\nbusybox\n')
  await written

  const endless = readListFile(path, { signal: inTime() })
  const yes = spawn('sh', ['-c', 'exec yes alpine >"$0"', path], { stdio: 'ignore' })
  t.after(() => yes.kill())
  const ended = once(yes, 'close')
  await assert.rejects(endless, { code: 'INVALID_LIST', message: /larger than 10 MiB/ })
  await ended
})

test('stops reading a named pipe without a writer after the timeout or the signal', { skip }, async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'pipe')
  execFileSync('mkfifo', [path])
  await assert.rejects(readListStream(readPipe(path, { patience: 1 }), path), {
    code: 'INVALID_LIST',
    message: `${path}: no process writes to this named pipe`,
  })
  await assert.rejects(readListFile(path, { signal: soon() }), { message: 'stopped' })
})

test('a stream of bytes or text is read; one that is silent ends by the signal', async () => {
  assert.equal(Buffer.from(await readListStream(Readable.from([Buffer.from('alp'), 'ine\n']), 'stdin')).toString(), 'alpine\n')
  await assert.rejects(readListStream(new Readable({ read() {} }), 'stdin', { signal: soon() }), { message: 'stopped' })
  await assert.rejects(readListStream(Readable.from(['x']), 'stdin', { signal: AbortSignal.abort(new Error('stopped')) }), {
    message: 'stopped',
  })
})

test('an endless stream of text is refused and closed', async () => {
  let closed = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    const chunk = Buffer.from('alpine\n'.repeat(10_000))
    try {
      for (;;) yield await Promise.resolve(chunk)
    } finally {
      closed = true
    }
  }
  await assert.rejects(readListStream(endless(), 'standard input', { signal: inTime() }), {
    code: 'INVALID_LIST',
    message: 'standard input: the file is larger than 10 MiB',
  })
  assert.equal(closed, true)
})
