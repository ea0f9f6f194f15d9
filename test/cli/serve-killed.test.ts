import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { test } from 'node:test'
import { callUrl } from '../registry-server/start-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve } from './serve-cli.ts'

test('resumes a chunked upload after each of many kill -9, and stores it with its digest', async () => {
  await using directory = await tempDir()
  const layout = `${directory.path}/layout`
  const bytes = randomBytes(2_500_000)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  let location = ''
  for (let have = 0, turn = 0; ; turn++) {
    const { child, finished, url } = await serve(layout, '--writable')
    try {
      if (turn === 0) location = (await callUrl(url, 'POST', '/v2/a/b/blobs/uploads/')).headers.location ?? ''
      else {
        const status = await callUrl(url, 'GET', location)
        assert.deepEqual([status.status, status.headers.range], [204, `0-${have - 1}`])
      }
      const chunk = bytes.subarray(have, have + 900_001)
      const headers = { 'content-range': `${have}-${have + chunk.length - 1}` }
      assert.equal((await callUrl(url, 'PATCH', location, { body: chunk, headers })).status, 202)
      have += chunk.length
      if (have === bytes.length) {
        const stored = await callUrl(url, 'PUT', `${location}?digest=${digest}`)
        assert.equal(stored.status, 201, stored.body.toString())
        assert.ok((await callUrl(url, 'GET', stored.headers.location ?? '')).body.equals(bytes))
        return
      }
      // Only the digest of all bytes may publish the upload.
      assert.equal((await callUrl(url, 'HEAD', `/v2/a/b/blobs/${digest}`)).status, 404)
    } finally {
      child.kill('SIGKILL')
      await finished
    }
  }
})

test('resumes an upload that was killed in the middle of a chunk after the bytes on the disk', async () => {
  await using directory = await tempDir()
  const layout = `${directory.path}/layout`
  const bytes = randomBytes(2_500_000)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const first = await serve(layout, '--writable')
  const location = (await callUrl(first.url, 'POST', '/v2/a/b/blobs/uploads/')).headers.location ?? ''
  const socket = connect(Number(new URL(first.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n`)
  socket.write(bytes.subarray(0, 2_000_000))
  const uploads = `${layout}/.k3s-mirror/uploads`
  const [name = ''] = await readdir(uploads)
  while ((await stat(`${uploads}/${name}`)).size === 0) await new Promise(setImmediate)
  first.child.kill('SIGKILL')
  await first.finished
  assert.deepEqual(await readdir(`${layout}/blobs/sha256`), [])

  const second = await serve(layout, '--writable')
  try {
    const status = await callUrl(second.url, 'GET', location)
    const have = Number(/^0-(\d+)$/.exec(status.headers.range ?? '')?.[1]) + 1
    assert.equal(have, (await stat(`${uploads}/${name}`)).size)
    const headers = { 'content-range': `${have}-${bytes.length - 1}` }
    assert.equal((await callUrl(second.url, 'PATCH', location, { body: bytes.subarray(have), headers })).status, 202)
    assert.deepEqual(await readdir(`${layout}/blobs/sha256`), [])
    const stored = await callUrl(second.url, 'PUT', `${location}?digest=${digest}`)
    assert.equal(stored.status, 201, stored.body.toString())
    assert.ok((await callUrl(second.url, 'GET', stored.headers.location ?? '')).body.equals(bytes))
    assert.deepEqual(await readdir(uploads), [])
  } finally {
    second.child.kill('SIGKILL')
    await second.finished
  }
})
