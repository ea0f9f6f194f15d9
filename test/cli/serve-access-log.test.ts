import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import fc from 'fast-check'
import { formatAccess } from '../../src/cli/files/access-log.ts'
import { besideHealthyClients } from '../servers/healthy-clients.ts'
import { plainRequest } from '../servers/http-request.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

const record = { method: 'GET', url: '/', status: 200, remoteAddress: '::1', userAgent: '', bytes: 0, received: 0, milliseconds: 1.26 }

test('--access-log appends a line for every request, with the user and without secrets', async () => {
  await using directory = await tempDir()
  const file = await directory.write('access.log', '{"before":true}\n')
  const htpasswd = await directory.write('htpasswd', `ann:${hashSync('sesame', 4)}\n`)
  const running = await serve(`${directory.path}/new`, '--writable', '--htpasswd', htpasswd, '--access-log', file)
  const authorization = `Basic ${btoa('ann:sesame')}`
  await plainRequest(`${running.url}/v2/a/tags/list?n=5&token=geheim`, { headers: { authorization, 'user-agent': 'me "1"\t' } })
  await plainRequest(`${running.url}/v2/`, { headers: { authorization: `Basic ${btoa('eve:geheim')}` } })
  assert.equal((await stop(running)).status, 0)
  const text = await readFile(file, 'utf8')
  assert.doesNotMatch(text, /geheim|sesame|Basic|eve/)
  const [before, first, second, ...rest] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual([before, rest], [{ before: true }, []])
  const { time, milliseconds, bytes, ...known } = first ?? {}
  assert.deepEqual(known, {
    remoteAddress: '127.0.0.1',
    user: 'ann',
    method: 'GET',
    path: '/v2/a/tags/list?n=5&token=REDACTED',
    status: 404,
    received: 0,
    userAgent: 'me "1"',
  })
  assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < 60_000)
  assert.ok(Number(milliseconds) > 0 && Number(bytes) > 20)
  assert.deepEqual([second?.['status'], second?.['user']], [401, undefined])
})

test('--access-log - prints to standard output', async () => {
  await using directory = await tempDir()
  const printing = await serve(`${directory.path}/new`, '--writable', '--access-log', '-')
  await plainRequest(`${printing.url}/healthz`)
  const { stdout } = await stop(printing)
  assert.equal((JSON.parse(stdout) as { path: string }).path, '/healthz')
})

test('a stalled reader of standard output costs lines and one warning, but no requests and no memory', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable', '--access-log', '-')
  running.child.stdout?.pause()
  let stderr = ''
  running.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  // Each of these characters takes six bytes in a line.
  const headers = { 'user-agent': '\u0080'.repeat(1024) }
  const count = 600
  for (let at = 0; at < count; at++) assert.equal((await plainRequest(`${running.url}/healthz`, { headers })).status, 200)
  assert.equal(stderr.match(/^warning: standard output is not being read/gm)?.length, 1)
  running.child.stdout?.resume()
  let isLogged = false
  running.child.stdout?.on('data', (chunk: Buffer) => (isLogged ||= chunk.includes('"path":"/v2/"')))
  while (!isLogged) await plainRequest(`${running.url}/v2/`)
  const { stdout } = await stop(running)
  const lines = stdout.trimEnd().split('\n')
  assert.ok(lines.length < count, `${lines.length} lines`)
  for (const line of lines) JSON.parse(line)
})

test('thousands of parameters do not delay other clients', async () => {
  await using directory = await tempDir()
  const log = `${directory.path}/access.log`
  const running = await serve(`${directory.path}/new`, '--writable', '--access-log', log)
  const query = Array.from({ length: 5000 }, (_, index) => `a${index}`).join('&')
  await besideHealthyClients({ url: running.url, isWritable: true }, async () => {
    for (let at = 0; at < 3; at++) await plainRequest(`${running.url}/v2/?${query}&token=geheim`)
  })
  assert.equal((await stop(running)).status, 0)
  const line = (await readFile(log, 'utf8')).split('\n').find((text) => text.includes('a0=REDACTED&a1=REDACTED')) ?? ''
  assert.ok(line.length > 1000 && line.length < 2000, line)
})

test('a full disk costs the line and one warning, but no request', { skip: process.platform !== 'linux' }, async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable', '--access-log', '/dev/full')
  for (let at = 0; at < 3; at++) assert.equal((await plainRequest(`${running.url}/v2/`)).status, 200)
  const { status, stderr } = await stop(running)
  assert.equal(status, 0)
  assert.equal(stderr.match(/^warning: cannot write the access log \/dev\/full: no space left on device/gm)?.length, 1)
})

test('does not start if the file cannot be opened', async () => {
  await using directory = await tempDir()
  const { status, stderr } = await runCli(['serve', `${directory.path}/new`, '--writable', '--access-log', `${directory.path}/no/log`])
  assert.equal(status, 2)
  assert.match(stderr, /^error: cannot write the access log .*: no such file or directory \(LOCAL_IO\)$/m)
})

test('formats any request as one line of JSON without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (url, userAgent) => {
      const line = formatAccess({ ...record, url: `/${url}`, userAgent, method: url }, new Date(0))
      assert.match(line, /^[^\p{Cc}\u2028\u2029]+\n$/u)
      assert.equal((JSON.parse(line) as { milliseconds: number }).milliseconds, 1.3)
    }),
  )
})
