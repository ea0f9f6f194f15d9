/**
 * Attacks the built `serve` for a while and looks whether everything is back afterwards: `npm run soak -- [seconds]`.
 * Ends with 1, and says what, where the process has ended, warned, refused a good client, or keeps descriptors, upload files or memory.
 */
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { hashSync } from 'bcryptjs'
import { plainRequest, type PlainRequest, type PlainResponse } from '../test/servers/http-request.ts'
import { onLines } from '../test/servers/lines.ts'
import { openFiles } from '../test/servers/open-files.ts'
import { dial, head, repeat, sendAndReset } from '../test/servers/rude-clients.ts'
import { endProcess, hasEnded } from '../test/servers/server-process.ts'
import { tempDir } from '../test/servers/temp-dir.ts'

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const seconds = Number(process.argv[2] ?? 25)
/** Milliseconds in which everything has to be back. */
const patience = 30_000
/** What memory may have grown by: buffers that wait for the next collection. */
const spareBytes = 192 * 1024 ** 2
const slowReaders = 24

const authorization = basic('ann', 'sesame')
const uploads = '/v2/soak/blobs/uploads/'

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function check(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}

/** A running `serve`, and what is held of it. */
interface Target {
  readonly url: string
  readonly large: string
  request(method: string, path: string, options?: PlainRequest): Promise<PlainResponse>
  held(): Promise<Held>
}

interface Held {
  readonly descriptors: number
  readonly uploads: number
  readonly memory: number
}

/** Asks as good clients do, and takes only the answer that they get. */
async function expect(target: Target, status: number, method: string, path: string, options: PlainRequest = {}): Promise<PlainResponse> {
  const answer = await target.request(method, path, options)
  check(
    answer.status === status,
    `${method} ${path} was answered ${answer.status} in place of ${status}: ${answer.body.toString().slice(0, 200)}`,
  )
  return answer
}

async function resetDownloads(target: Target): Promise<void> {
  await sendAndReset(target.url, [head('GET', target.large, { authorization })])
  await sendAndReset(target.url, [head('GET', target.large, { authorization }).repeat(4)])
}

async function abortUploads(target: Target): Promise<void> {
  const body = randomBytes(100_000)
  // Of no bytes that come here: nothing is to be stored.
  const post = head('POST', `${uploads}?digest=${digestOf(Buffer.from('x'))}`, { authorization, 'content-length': body.length })
  await sendAndReset(target.url, [post, body.subarray(0, 50_000)], 'sent')
  await sendAndReset(target.url, [post, body], 'sent')
}

/** Interrupts an upload, resumes it, and then completes or cancels it. */
async function resumeUpload(target: Target): Promise<void> {
  const body = randomBytes(300_000)
  const { headers } = await expect(target, 202, 'POST', uploads)
  const location = headers.location ?? ''
  await sendAndReset(
    target.url,
    [head('PATCH', location, { authorization, 'content-length': body.length }), body.subarray(0, 100_000)],
    'sent',
  )
  for (const deadline = performance.now() + patience; ;) {
    const at = /^0-(\d+)$/.exec((await expect(target, 204, 'GET', location)).headers.range ?? '')?.[1] ?? '0'
    const start = at === '0' ? 0 : Number(at) + 1
    const range = `${start}-${body.length - 1}`
    const answer = await target.request('PATCH', location, { body: body.subarray(start), headers: { 'content-range': range } })
    if (answer.status === 202) break
    // The server has not seen yet that the first client is gone.
    check(answer.status === 400 || answer.status === 416, `an upload was continued with ${answer.status}`)
    check(performance.now() < deadline, 'an upload stays busy whose client is gone')
  }
  if (body[0] === undefined || body[0] < 128) await expect(target, 204, 'DELETE', location)
  else {
    await expect(target, 201, 'PUT', `${location}?digest=${digestOf(body)}`)
    await expect(target, 202, 'DELETE', `/v2/soak/blobs/${digestOf(body)}`)
  }
}

async function logInBadly(target: Target): Promise<void> {
  const wrong = basic('ann', randomUUID())
  await sendAndReset(target.url, [head('GET', target.large, { authorization: wrong })], 'sent')
  const { status } = await target.request('GET', target.large, { headers: { authorization: wrong } })
  check(status === 401 || status === 429, `a wrong password was answered ${status}`)
}

/** Begins downloads and reads no more of them; what is returned ends them, every other one in the middle. */
async function readSlowly(target: Target): Promise<() => Promise<void>> {
  const sockets = await Promise.all(
    Array.from({ length: slowReaders }, async () => {
      const socket = await dial(target.url)
      socket.write(head('GET', target.large, { authorization, connection: 'close' }))
      await new Promise((resolve) => socket.once('readable', resolve).once('close', resolve))
      return socket
    }),
  )
  return async () => {
    await Promise.all(
      sockets.map(async (socket, at) => {
        const closed = new Promise((resolve) => socket.once('close', resolve))
        if (at % 2 === 0) socket.resetAndDestroy()
        else socket.resume()
        await closed
      }),
    )
  }
}

async function pullAndPush(target: Target): Promise<void> {
  const { body } = await expect(target, 200, 'GET', target.large)
  check(target.large.endsWith(digestOf(body)), 'a blob came with other bytes than its digest says')
  const small = randomBytes(1000)
  const digest = digestOf(small)
  await expect(target, 201, 'POST', `${uploads}?digest=${digest}`, { body: small })
  await expect(target, 202, 'DELETE', `/v2/soak/blobs/${digest}`)
}

const attacks = { resetDownloads, abortUploads, resumeUpload, logInBadly, pullAndPush }

/** Runs all attacks in parallel and repeats each until the time is over; returns how often each one ran. */
async function attack(target: Target, milliseconds: number): Promise<Record<string, number>> {
  const end = performance.now() + milliseconds
  const counts: Record<string, number> = {}
  const release = await readSlowly(target)
  await Promise.all(
    Object.entries(attacks).map(([name, work]) =>
      repeat(Number.POSITIVE_INFINITY, 4, async () => {
        if (performance.now() >= end) return false
        await work(target)
        counts[name] = (counts[name] ?? 0) + 1
        return true
      }),
    ),
  )
  await release()
  return counts
}

/** Waits until everything is back where it was, with a request now and then as an idle server has them; what is not when time is up. */
async function settle(target: Target, before: Held): Promise<readonly string[]> {
  for (const deadline = performance.now() + patience; ;) {
    const now = await target.held()
    const left = [
      ...(now.descriptors > before.descriptors ? [`${now.descriptors} descriptors in place of ${before.descriptors}`] : []),
      ...(now.uploads > before.uploads ? [`${now.uploads} upload files in place of ${before.uploads}`] : []),
      ...(now.memory > before.memory + spareBytes ? [`${mebibytes(now.memory)} of memory in place of ${mebibytes(before.memory)}`] : []),
    ]
    if (left.length === 0 || performance.now() > deadline) return left
    await pullAndPush(target)
    await sleep(20)
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`
}

async function soak(directory: string, htpasswd: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, 'serve', directory, '--writable', '--listen', '127.0.0.1:0', '--htpasswd', htpasswd], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const problems: string[] = []
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (status, signal) => reject(new Error(`serve ended with ${signal ?? status}`)))
      onLines(child.stderr, (line) => {
        if (/warning|error/i.test(line)) problems.push(`serve wrote: ${line}`)
        const found = /at (http:\S+)/.exec(line)?.[1]
        if (found !== undefined) resolve(found)
      })
    })
    const { pid = 0 } = child
    const body = randomBytes(8 * 1024 ** 2)
    const target: Target = {
      url,
      large: `/v2/soak/blobs/${digestOf(body)}`,
      request: (method, path, options = {}) =>
        plainRequest(`${url}${path}`, {
          method,
          ...options,
          headers: {
            authorization,
            connection: 'close',
            ...(method !== 'GET' && { 'content-length': '0' }),
            ...(options.body !== undefined && { 'content-length': String(Buffer.byteLength(options.body)) }),
            ...options.headers,
          },
        }),
      held: async () => ({
        descriptors: (await openFiles(pid)).length,
        uploads: (await readdir(`${directory}/.k3s-mirror/uploads`)).length,
        memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
      }),
    }
    await expect(target, 201, 'POST', `${uploads}?digest=${digestOf(body)}`, { body })
    const idle = await target.held()
    // What is loaded and kept for later requests is there after the first of each kind.
    await attack(target, 1000)
    problems.push(...(await settle(target, { ...idle, memory: Number.POSITIVE_INFINITY })))
    const before = { ...idle, memory: (await target.held()).memory }
    const counts = await attack(target, seconds * 1000)
    problems.push(...(await settle(target, before)))
    const after = await target.held()
    const done = Object.entries(counts).map(([name, count]) => `${name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)} ${count}`)
    process.stdout.write(
      `${seconds} s: ${done.join(', ')}\ndescriptors ${before.descriptors} -> ${after.descriptors}, upload files ${before.uploads} -> ${after.uploads}, memory ${mebibytes(before.memory)} -> ${mebibytes(after.memory)}\n`,
    )
  } catch (error) {
    problems.push(String(error))
  }
  if (hasEnded(child)) problems.push(`serve ended with ${child.signalCode ?? child.exitCode}`)
  await endProcess(child, 15_000)
  if (child.exitCode !== 0) problems.push(`serve was stopped and ended with ${child.signalCode ?? child.exitCode}`)
  return problems
}

if (!existsSync(program)) throw new Error('dist/cli/main.js is missing: npm run build makes it')
if (!(seconds > 0)) throw new Error('the duration is a number of seconds')
await using home = await tempDir()
const problems = await soak(`${home.path}/layout`, await home.write('htpasswd', `ann:${hashSync('sesame', 6)}\n`))
for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
if (problems.length === 0) process.stdout.write('passed: serve has served, and holds no more than before\n')
process.exitCode = problems.length === 0 ? 0 : 1
