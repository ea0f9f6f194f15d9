import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Reply } from './reply.ts'

/** Bytes of an unread request body that are read and thrown away, so that the connection can serve the next request. */
const maxDrainedBytes = 1024 * 1024

/** How much and how many milliseconds is read and thrown away before a connection is closed, and after what silence it is closed all the same. */
const linger = { bytes: 64 * 1024 * 1024, whole: 30_000, silent: 2000 }

/** Requests that a client may send ahead of a reply; each takes memory. */
const mostAhead = 64

const queues = new WeakMap<Socket, { last?: Promise<void>; ahead: number }>()

async function untilSent(before: Promise<void> | undefined, socket: Socket, response: ServerResponse): Promise<void> {
  await before
  // Of a reply that waits behind others when its connection is lost, some versions of Node say nothing.
  if (socket.destroyed || response.closed) return
  await new Promise((resolve) => response.once('close', resolve))
}

/** Waits until the replies before this one have left, since a request opens what its reply holds; throws CANCELLED where the connection is lost or closed meanwhile. */
export async function awaitEarlierReplies({ socket }: IncomingMessage, response: ServerResponse): Promise<void> {
  const queue = queues.get(socket) ?? { ahead: 0 }
  queues.set(socket, queue)
  const before = queue.last
  queue.last = untilSent(before, socket, response)
  if (++queue.ahead > mostAhead) socket.destroy()
  await before
  queue.ahead--
  if (response.socket === null || socket.destroyed) throw new MirrorError('CANCELLED', 'the client went away before its turn')
}

function isContent(body: Reply['body']): body is Content {
  return typeof body === 'object' && 'read' in body
}

function writeChunk(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // A connection that is lost takes the callback with it.
    const leave = (): void => reject(new MirrorError('CANCELLED', 'the client went away before the end of its answer'))
    if (response.destroyed) return leave()
    response.once('close', leave)
    // The callback comes once the bytes are on their way: until then the buffer is not used again.
    response.write(chunk, (error) => {
      response.off('close', leave)
      if (error instanceof Error) reject(error)
      else resolve()
    })
  })
}

/** True for a body that was not read and is too long to be thrown away. */
function mustClose(request: IncomingMessage): boolean {
  if (request.complete || request.readableEnded) return false
  // Whether a client that was never told to go on sends its body now, or the next request, only the client knows.
  if (request.headers.expect !== undefined) return true
  const length = request.headers['content-length']
  if (length === undefined) return request.headers['transfer-encoding'] !== undefined
  return Number(length) > maxDrainedBytes
}

/** Ends a written reply once the client has sent its body or gone: who sends all before it reads would lose the reply to a reset. */
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

/** Sends the reply and resolves with the body bytes sent; a stream that fails midway breaks the connection, which is how a client learns of it. */
export async function sendReply(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<number> {
  const { status, headers = {}, body } = reply
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, typeof value === 'object' ? [...value] : value)
  const isLast = mustClose(request)
  if (isLast) response.setHeader('connection', 'close')
  // Node throws away what nobody began to read, and waits for ever for whoever stopped.
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
      // The last chunk's buffer is not used again, so nothing has to wait for it.
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
