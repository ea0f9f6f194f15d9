import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { hashSync } from 'bcryptjs'
import { sha256 } from '../../src/oci/digest.ts'
import { callUrl } from '../registry-server/start-registry.ts'
import { besideHealthyClients } from '../servers/healthy-clients.ts'
import { openFiles } from '../servers/open-files.ts'
import { dial, head, readUntil, repeat, sendAndReset } from '../servers/rude-clients.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'
import { serve, stop, type Serving } from './serve-cli.ts'

const uploads = '/v2/a/b/blobs/uploads/'

function pidOf({ child }: Serving): number {
  assert.ok(child.pid !== undefined)
  return child.pid
}

/** Sets how many descriptors a process may have. */
async function limitFiles(running: Serving, count: number): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(pidOf(running)), `--nofile=${count}:`])
}

async function store({ url }: Serving, size: number): Promise<string> {
  const body = randomBytes(size)
  const digest = sha256(body)
  assert.equal((await callUrl(url, 'POST', `${uploads}?digest=${digest}`, { body })).status, 201)
  return `/v2/a/b/blobs/${digest}`
}

/** The open files of the layout, except for the journal. */
async function heldFiles(running: Serving, directory: string): Promise<string[]> {
  return (await openFiles(pidOf(running))).filter((path) => path.startsWith(directory) && !path.endsWith('.ndjson'))
}

test('keeps serving, with no file left open, after clients reset downloads and uploads', async () => {
  await using directory = await tempDir()
  const running = await serve(directory.path, '--writable')
  const path = await store(running, 4 * 1024 * 1024)
  const body = randomBytes(1000)
  const post = head('POST', `${uploads}?digest=${sha256(body)}`, { 'content-length': body.length })
  await besideHealthyClients({ url: running.url, isWritable: true }, async () => {
    await repeat(300, 16, () => sendAndReset(running.url, [head('GET', path)]))
    await repeat(40, 8, () => sendAndReset(running.url, [head('GET', path).repeat(8)]))
    await repeat(300, 150, () => sendAndReset(running.url, [post, body], 'sent'))
    await repeat(100, 50, () => sendAndReset(running.url, [post, body.subarray(0, 500)], 'sent'))
  })
  const none = (files: readonly string[]): boolean => files.length === 0
  await until(() => heldFiles(running, directory.path), none)
  await until(() => readdir(`${directory.path}/.k3s-mirror/uploads`), none)
  const { status, stderr } = await stop(running)
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stderr, /warning|on garbage/i)
})

test('idle uploads hold no descriptor, and one client has at most a thousand', async () => {
  await using directory = await tempDir()
  const running = await serve(directory.path, '--writable')
  const path = await store(running, 1000)
  await limitFiles(running, 256)
  const statuses: number[] = []
  let location = ''
  await besideHealthyClients({ url: running.url, isWritable: true }, () =>
    repeat(1001, 16, async () => {
      const { status, headers } = await callUrl(running.url, 'POST', uploads)
      statuses.push(status)
      location = headers.location ?? location
      if (status === 429) assert.ok(Number(headers['retry-after']) > 0)
    }),
  )
  assert.deepEqual(
    [202, 429].map((wanted) => statuses.filter((status) => status === wanted).length),
    [1000, 1],
  )
  assert.equal((await callUrl(running.url, 'GET', path)).status, 200)
  assert.equal((await callUrl(running.url, 'PATCH', location, { body: 'abc' })).status, 202)
  assert.deepEqual(await heldFiles(running, directory.path), [])
  assert.equal((await callUrl(running.url, 'POST', uploads)).status, 429)
  assert.equal((await callUrl(running.url, 'DELETE', location)).status, 204)
  assert.equal((await callUrl(running.url, 'POST', uploads)).status, 202)
  const { stderr } = await stop(running)
  assert.doesNotMatch(stderr, /warning/)
})

test('answers 503 while no descriptor is left, and resumes the upload afterwards', async () => {
  await using directory = await tempDir()
  const htpasswd = await directory.write('htpasswd', `ann:${hashSync('sesame', 4)}\n`)
  const running = await serve(`${directory.path}/layout`, '--writable', '--htpasswd', htpasswd)
  const authorization = `Basic ${Buffer.from('ann:sesame').toString('base64')}`
  const socket = await dial(running.url)
  const ask = async (method: string, path: string, body: Uint8Array = new Uint8Array()): Promise<string> => {
    socket.write(head(method, path, { authorization, 'content-length': body.length }))
    socket.write(body)
    return readUntil(socket, /\r\n\r\n(?:\{\}|.*\]\})?$/s)
  }
  // The connection is accepted, and passwords can be compared, before the first request on it is answered.
  assert.match(await ask('GET', '/v2/'), /^HTTP\/1\.1 200 /)
  const body = randomBytes(200_000)
  const digest = sha256(body)
  // Before anything else was loaded or opened, and again with an upload under way.
  await limitFiles(running, 1)
  assert.match(await ask('POST', uploads), /^HTTP\/1\.1 503 [^]*retry-after: /i)
  await limitFiles(running, 1024)
  const [, location = ''] = /location: (\S+)/i.exec(await ask('POST', uploads)) ?? []
  assert.match(await ask('PATCH', location, body.subarray(0, 100_000)), /^HTTP\/1\.1 202 /)
  await limitFiles(running, 1)
  assert.match(await ask('PATCH', location, body.subarray(100_000)), /^HTTP\/1\.1 503 /)
  await limitFiles(running, 1024)
  assert.match(await ask('GET', location), /^HTTP\/1\.1 204 [^]*range: 0-99999\r\n/i)
  assert.match(await ask('PUT', `${location}?digest=${digest}`, body.subarray(100_000)), /^HTTP\/1\.1 201 /)
  await limitFiles(running, 1)
  const blob = `/v2/a/b/blobs/${digest}`
  assert.match(await ask('GET', blob), /^HTTP\/1\.1 503 /)
  await limitFiles(running, 1024)
  const read = await callUrl(running.url, 'GET', blob, { headers: { authorization } })
  assert.deepEqual([read.status, read.body.equals(body)], [200, true])
  socket.destroy()
  await stop(running)
})
