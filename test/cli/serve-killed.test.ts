import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { callUrl } from '../registry-server/start-registry.ts'
import { startCli, type RunningCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

async function serve(directory: string): Promise<RunningCli & { readonly url: string }> {
  const running = await startCli(['serve', directory, '--listen', '127.0.0.1:0', '--writable'])
  assert.ok(running.child.stderr)
  const [line] = (await once(createInterface(running.child.stderr), 'line')) as [string]
  return { ...running, url: /at (http:\S+) /.exec(line)?.[1] ?? '' }
}

test('an upload in chunks goes on after kill -9, again and again, and is stored with its digest', async () => {
  await using directory = await tempDir()
  const layout = `${directory.path}/layout`
  const bytes = randomBytes(2_500_000)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  let location = ''
  for (let have = 0, turn = 0; ; turn++) {
    const { child, finished, url } = await serve(layout)
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
      // Nothing but the digest of all of it may publish what is there so far.
      assert.equal((await callUrl(url, 'HEAD', `/v2/a/b/blobs/${digest}`)).status, 404)
    } finally {
      child.kill('SIGKILL')
      await finished
    }
  }
})
