import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Reply } from './reply.ts'

/** Bytes of an unread request body that are discarded, so that the connection can serve the next request. */
const maxDrainedBytes = 1024 * 1024

/** Bytes and milliseconds of a body that are discarded before a connection is closed, and the silence in milliseconds that closes it early. */
const linger = { bytes: 64 * 1024 * 1024, whole: 30_000, silent: 2000 }

/** Requests that a client may pipeline; each takes memory. */
const mostAhead = 64

const queues = new WeakMap<Socket, { last?: Promise<void>; ahead: number }>()

async function untilSent(before: Promise<void> | undefined, socket: Socket, response: ServerResponse): Promise<void> {
  await before
  // Some versions of Node emit no event for a queued reply whose connection is lost.
  if (socket.destroyed || response.closed) return
  await new Promise((resolve) => response.once('close', resolve))
}

/** Waits until the earlier replies of the connection are sent, so that it holds the files of one reply only. Throws CANCELLED if the connection is lost. */
export async function awaitEarlierReplies({ socket }: IncomingMessage, response: ServerResponse): Promise<void> {
  const queue = queues.get(socket) ?? { ahead: 0 }
  queues.set(socket, queue)
  const before = queue.last
  queue.last = untilSent(before, socket, response)
  if (++queue.ahead > mostAhead) socket.destroy()
  await before
  queue.ahead--
  if (response.socket === null || socket.destroyed) throw new MirrorError('CANCELLED', 'the client disconnected before its turn')
}

function isContent(body: Reply['body']): body is Content {
  return typeof body === 'object' && 'read' in body
}

function writeChunk(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // A lost connection never calls back.
    const leave = (): void => reject(new MirrorError('CANCELLED', 'the client disconnected before the end of the answer'))
    if (response.destroyed) return leave()
    response.once('close', leave)
    // The buffer is reused only after the callback.
    response.write(chunk, (error) => {
      response.off('close', leave)
      if (error instanceof Error) reject(error)
      else resolve()
    })
  })
}

/** True for an unread body that is too long to discard. */
function mustClose(request: IncomingMessage): boolean {
  if (request.complete || request.readableEnded) return false
  // A client that got no 100 may send its body now, or the next request.
  if (request.headers.expect !== undefined) return true
  const length = request.headers['content-length']
  if (length === undefined) return request.headers['transfer-encoding'] !== undefined
  return Number(length) > maxDrainedBytes
}

/** Ends a written reply once the client has sent its body or left: a client that sends all before it reads would lose the reply to a reset. */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let left = linger.bytes
  const timers = [linger.whole, linger.silent].map((milliseconds) => setTimeout(() => end(), milliseconds))
  const take = (chunk: Uint8Array): void => {
    left -= chunk.length
    timers.at(-1)?.refresh()
    if (left < 0) end()
  }
  const end = (): void => {
    for (const timer of timers) clearTimeout(timer)
    request.off('data', take).off('end', end).off('close', end)
    response.end()
  }
  request.on('data', take).on('end', end).on('close', end).resume()
}

/** Sends the reply and resolves with the body bytes sent; a stream that fails midway closes the connection, which signals the failure to the client. */
export async function sendReply(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<number> {
  const { status, headers = {}, body } = reply
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, typeof value === 'object' ? [...value] : value)
  const isLast = mustClose(request)
  if (isLast) response.setHeader('connection', 'close')
  // Node discards a body that was never read, and waits forever for one that was read in part.
  else if (!request.complete) request.resume()
  response.statusCode = status
  if (!isContent(body)) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array())
    if (status !== 204 && status !== 304 && !response.hasHeader('content-length')) response.setHeader('content-length', bytes.length)
    const sent = request.method === 'HEAD' ? 0 : bytes.length
    if (sent > 0) response.write(bytes)
    if (isLast && !request.destroyed) {
      response.flushHeaders()
      endAfterBody(request, response)
    } else response.end()
    return sent
  }
  response.setHeader('content-length', body.size)
  let sent = 0
  try {
    await body.read((chunk) => {
      sent += chunk.length
      if (sent < body.size) return writeChunk(response, chunk)
      // The buffer of the last chunk is not reused, so there is nothing to wait for.
      response.end(chunk)
      return undefined
    })
    if (body.size === 0) response.end()
  } catch {
    body.cancel()
    response.destroy()
  }
  return sent
}
