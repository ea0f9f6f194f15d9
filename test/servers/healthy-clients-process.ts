/** The clients of healthy-clients.ts, in a process of their own, so that an attack made by the test takes no time from them. */
import { createHash, randomUUID } from 'node:crypto'
import { Agent, request as httpRequest } from 'node:http'
import type { HealthySetup } from './healthy-clients.ts'

const { url, authorization, isWritable } = JSON.parse(process.argv[2] ?? '') as HealthySetup
const agent = new Agent({ keepAlive: true })
let samples: Record<string, number[]> = {}
const running = new Map<string, Promise<void>>()
let rounds = 0

interface Sent {
  readonly body?: string
  readonly type?: string
  /** A connection of its own, as one who comes anew has. */
  readonly isFirst?: boolean
}

/** Rejects where the answer is not a success. */
function send(method: string, path: string, { body, type = 'application/octet-stream', isFirst = false }: Sent = {}): Promise<void> {
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(body !== undefined && { 'content-length': Buffer.byteLength(body), 'content-type': type }),
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${path}`, { method, headers, agent: isFirst ? false : agent }, (response) => {
      const { statusCode = 0 } = response
      response.resume()
      response.on('error', reject)
      response.on('end', () => (statusCode < 300 ? resolve() : reject(new Error(`${method} ${path} was answered ${statusCode}`))))
    })
    request.on('error', reject)
    request.end(body)
  })
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

/** Pushes an image of one blob that is its config too. */
async function push(tag: string, content: string): Promise<void> {
  const digest = digestOf(content)
  await send('POST', `/v2/healthy/image/blobs/uploads/?digest=${digest}`, { body: content })
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: content.length }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [] })
  await send('PUT', `/v2/healthy/image/manifests/${tag}`, { body, type })
}

const held = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } })

async function pull(): Promise<void> {
  await send('GET', '/v2/healthy/image/manifests/held')
  await send('GET', `/v2/healthy/image/blobs/${digestOf(held)}`)
}

const kinds: Readonly<Record<string, () => Promise<void>>> = {
  health: () => send('GET', '/healthz'),
  login: () => send('GET', '/v2/', { isFirst: true }),
  pull: isWritable ? pull : () => send('GET', '/v2/_catalog'),
  ...(isWritable && { push: () => push('moving', `{"of":"${randomUUID()}"}`) }),
}

/** One round after another, for as long as the process lives. */
async function keepOn(kind: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    const start = performance.now()
    const round = work()
    running.set(kind, round)
    await round
    ;(samples[kind] ??= []).push(performance.now() - start)
    if (++rounds % 20 === 0) process.send?.({ rounds })
  }
}

/** Reports what was measured since the last report, rounds in progress included. */
async function report(): Promise<void> {
  await Promise.all(running.values())
  // The rounds write down their time in the same turn.
  setImmediate(() => {
    process.send?.({ samples })
    samples = {}
  })
}

const fail = (error: unknown): void => {
  process.send?.({ failure: error instanceof Error ? error.message : String(error) })
}
process.on('message', () => void report().catch(fail))
process.on('disconnect', () => process.exit())
if (isWritable) await push('held', held).catch(fail)
for (const [kind, work] of Object.entries(kinds)) keepOn(kind, work).catch(fail)
