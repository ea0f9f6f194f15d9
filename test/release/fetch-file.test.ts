import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import { fetchFile } from '../../src/release/fetch-file.ts'
import { maxListBytes } from '../../src/release/list-text.ts'
import { atOnce, fileServer, paths, testClient } from './file-server.ts'

test('retries overload and server errors, then reports them', async () => {
  await using server = await fileServer({
    '/again': [{ status: 503 }, { status: 429 }, { body: 'here' }],
    '/down?token=canary': { status: 502 },
    '/busy': { status: 429 },
  })
  await using client = testClient()
  const file = await fetchFile(client, new URL(`${server.url}/again`), { retry: atOnce })
  assert.equal(Buffer.from(file.body).toString(), 'here')
  await assert.rejects(fetchFile(client, new URL(`${server.url}/down?token=canary`), { retry: atOnce }), (error) => {
    assert.ok(isMirrorError(error))
    assert.equal(error.code, 'UNAVAILABLE')
    assert.equal(error.message, `cannot fetch ${server.url}/down?token=REDACTED: the server failed (HTTP 502)`)
    return true
  })
  await assert.rejects(fetchFile(client, new URL(`${server.url}/busy`), { retry: atOnce }), {
    code: 'THROTTLED',
    message: /too many requests/,
  })
  assert.equal(paths(server.requests).filter((path) => path === '/busy').length, 3)
})

test('Retry-After is read as seconds or as a date, and "at once" leaves the wait to the backoff', async () => {
  const waits = async (retryAfter: string): Promise<readonly (number | undefined)[]> => {
    await using server = await fileServer({ '/x': { status: 503, headers: { 'retry-after': retryAfter } } })
    await using client = testClient()
    const error: unknown = await fetchFile(client, new URL(`${server.url}/x`), { retry: { ...atOnce, maxThrottled: 0 } }).catch(
      (reason: unknown) => reason,
    )
    assert.ok(isMirrorError(error))
    return [error.retryAfter, server.requests.length]
  }
  assert.deepEqual(await waits('7'), [7000, 1])
  assert.deepEqual(await waits('0'), [undefined, 3])
  assert.deepEqual(await waits('soon'), [undefined, 3])
  const [date = 0] = await waits(new Date(Date.now() + 60_000).toUTCString())
  assert.ok(date > 50_000 && date <= 60_000, String(date))
})

test('redirects are followed, every other status is an answer, and size is bounded', async () => {
  await using files = await fileServer({ '/there': 'moved', '/big': new Uint8Array(maxListBytes + 1) })
  await using server = await fileServer({ '/here': { status: 302, headers: { location: `${files.url}/there` } } })
  await using client = testClient()
  assert.equal(Buffer.from((await fetchFile(client, new URL(`${server.url}/here`))).body).toString(), 'moved')
  assert.equal((await fetchFile(client, new URL(`${server.url}/here`), { redirects: 0 })).status, 302)
  assert.equal((await fetchFile(client, new URL(`${server.url}/absent`))).status, 404)
  await assert.rejects(fetchFile(client, new URL(`${files.url}/big`), { retry: atOnce }), {
    code: 'PROTOCOL',
    message: /larger than the limit of 10485760 bytes/,
  })
})

test('a refused connection is one clear error, and a fired signal ends the wait', async () => {
  await using client = testClient()
  const gone = await fileServer({})
  await gone[Symbol.asyncDispose]()
  await assert.rejects(fetchFile(client, new URL(`${gone.url}/x`), { retry: atOnce }), {
    code: 'UNREACHABLE',
    message: /^cannot connect to http:\/\/127\.0\.0\.1:\d+: the connection was refused$/,
  })

  await using server = await fileServer({ '/x': { status: 503, headers: { 'retry-after': '60' } } })
  const abort = new AbortController()
  const pending = fetchFile(client, new URL(`${server.url}/x`), { signal: abort.signal, retry: { onRetry: () => abort.abort() } })
  await assert.rejects(pending, { name: 'AbortError' })
})
