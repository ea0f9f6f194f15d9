import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { openLayout } from '../../src/layout/open-layout.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyBlob, tinyImage, tinyManifest } from '../layout/tiny-image.ts'
import { besideHealthyClients } from '../servers/healthy-clients.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop, type Serving } from './serve-cli.ts'

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly agent?: Agent
}

interface Answered {
  readonly status: number
  readonly link: string | undefined
  readonly bytes: number
}

/** Makes one request, on a connection of its own unless an agent is given, and reads the answer without keeping it. */
function send(url: string, { method = 'GET', headers = {}, body, agent }: Sent = {}): Promise<Answered> {
  const length = body === undefined ? {} : { 'content-length': String(body.length) }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { ...length, ...headers }, agent: agent ?? false }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, link: response.headers['link']?.toString(), bytes }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const basic = (user: string, password: string): string => `Basic ${btoa(`${user}:${password}`)}`

/** The peak memory of the program in megabytes; 0 where the system does not report it. */
async function peakMegabytes({ child }: Serving): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
}

test('password guesses on 64 connections from one shared address do not lock out the right password', async () => {
  await using directory = await tempDir()
  const users = Array.from({ length: 31 }, (_, at) => `user${at}`)
  const hash = hashSync('sesame', 6)
  const htpasswd = await directory.write('htpasswd', users.map((user) => `${user}:${hash}\n`).join(''))
  const running = await serve(`${directory.path}/new`, '--writable', '--htpasswd', htpasswd)
  const [healthy = '', ...others] = users
  let isOver = false
  const guess = async (_: unknown, at: number): Promise<number> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let guesses = 0
    for (; !isOver; guesses++) {
      const user = at % 2 === 0 ? healthy : randomUUID()
      const { status } = await send(`${running.url}/v2/`, { agent, headers: { authorization: basic(user, randomUUID()) } })
      assert.ok(status === 401 || status === 429)
    }
    agent.destroy()
    return guesses
  }
  await besideHealthyClients({ url: running.url, isWritable: true, authorization: basic(healthy, 'sesame') }, async () => {
    const guessing = Promise.all(Array.from({ length: 64 }, guess))
    const logins = others.map((user) => send(`${running.url}/v2/`, { headers: { authorization: basic(user, 'sesame') } }))
    const statuses = (await Promise.all(logins)).map(({ status }) => status)
    isOver = true
    assert.ok((await guessing).every((guesses) => guesses > 0))
    assert.deepEqual(new Set(statuses), new Set([200]))
  })
  await stop(running)
})

test('headers of spaces and log lines of parameters delay no other client', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable', '--access-log', `${directory.path}/log`)
  const blob = tinyBlob(Buffer.from('blob'))
  const path = `/v2/a/blobs/uploads/?digest=${blob.descriptor.digest}`
  assert.equal((await send(`${running.url}${path}`, { method: 'POST', body: blob.bytes })).status, 201)
  const parameters = Array.from({ length: 5000 }, (_, at) => `${at}`).join('&')
  await besideHealthyClients({ url: running.url, isWritable: true }, async () => {
    const range = `bytes=${' '.repeat(30_000)}x`
    const url = `${running.url}/v2/a/blobs/${blob.descriptor.digest}`
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        assert.equal((await send(url, { headers: { range } })).status, 200)
        assert.equal((await send(`${running.url}/v2/?${parameters}`)).status, 414)
      }),
    )
  })
  await stop(running)
})

test('twelve large manifests at once delay no other client and take little memory', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable')
  const manifests = Array.from({ length: 12 }, (_, at) =>
    tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
      annotations: { at: String(at), x: '\n'.repeat(1_000_000) },
    }),
  )
  await besideHealthyClients({ url: running.url, isWritable: true }, async () => {
    const puts = manifests.map(({ bytes }, at) => send(`${running.url}/v2/a/manifests/t${at}`, { method: 'PUT', body: bytes }))
    assert.deepEqual(new Set((await Promise.all(puts)).map(({ status }) => status)), new Set([201]))
    const gets = manifests.map((_, at) => send(`${running.url}/v2/a/manifests/t${at}`))
    assert.deepEqual(new Set((await Promise.all(gets)).map(({ bytes }) => bytes)), new Set(manifests.map(({ bytes }) => bytes.length)))
  })
  const peak = await peakMegabytes(running)
  assert.ok(peak < 350, `${Math.round(peak)} MB`)
  await stop(running)
})

test('referrers with megabytes of annotations delay no other client and take little memory', async () => {
  await using directory = await tempDir()
  const subject = tinyImage().root.descriptor
  const repository = { registry: 'localhost', path: 'a' }
  {
    await using layout = await openLayout(`${directory.path}/new`, { durable: false })
    for (let at = 0; at < 24; at++) {
      const annotations = { at: String(at), x: 'x'.repeat(4_000_000) }
      const manifest = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject, annotations })
      await layout.putManifest({ ...repository, digest: manifest.descriptor.digest }, manifest)
    }
  }
  const running = await serve(`${directory.path}/new`, '--writable')
  await besideHealthyClients({ url: running.url, isWritable: true }, async () => {
    const list = async (): Promise<void> => {
      for (let path = `/v2/a/referrers/${subject.digest}`; path !== '';) {
        const { status, link = '', bytes } = await send(`${running.url}${path}`)
        assert.equal(status, 200)
        assert.ok(bytes < 2 * 1024 * 1024, `${bytes} bytes`)
        path = /^<(.*)>; rel="next"$/.exec(link)?.[1] ?? ''
      }
    }
    await Promise.all([list(), list(), list()])
  })
  const peak = await peakMegabytes(running)
  assert.ok(peak < 350, `${Math.round(peak)} MB`)
  await stop(running)
})
