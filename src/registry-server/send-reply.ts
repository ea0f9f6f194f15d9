import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Content } from '../async/content.ts'
import type { Reply } from './reply.ts'

/** Bytes of an unread request body that are read and thrown away, so that the connection can serve the next request. */
const maxDrainedBytes = 1024 * 1024

function isContent(body: Reply['body']): body is Content {
  return typeof body === 'object' && 'read' in body
}

function writeChunk(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // The callback comes once the bytes are on their way: until then the buffer is not used again.
    response.write(chunk, (error) => (error instanceof Error ? reject(error) : resolve()))
  })
}

/** True for a body that was not read and is too long to be thrown away. */
function mustClose(request: IncomingMessage): boolean {
  if (request.complete || request.readableEnded) return false
  const length = request.headers['content-length']
  if (length === undefined) return request.headers['transfer-encoding'] !== undefined
  return Number(length) > maxDrainedBytes
}

/** Sends the answer and resolves with the body bytes sent; a stream that fails midway breaks the connection, which is how a client learns of it. */
export async function sendReply(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<number> {
  const { status, headers = {}, body } = reply
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, typeof value === 'object' ? [...value] : value)
  if (mustClose(request)) response.setHeader('connection', 'close')
  response.statusCode = status
  if (!isContent(body)) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array())
    if (status !== 204 && status !== 304 && !response.hasHeader('content-length')) response.setHeader('content-length', bytes.length)
    if (request.method === 'HEAD' || bytes.length === 0) response.end()
    else response.end(bytes)
    return request.method === 'HEAD' ? 0 : bytes.length
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
    response.destroy()
  }
  return sent
}
