import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ChunkSink } from '../async/content.ts'
import { MirrorError } from '../errors.ts'

/** Hands a request's body to the sink as fast as that takes it; rejects when the client went away before its end, or when the sink did. */
export function receiveBody(request: IncomingMessage, sink: ChunkSink): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: unknown): void => {
      request.off('data', take)
      request.off('end', finish)
      request.off('close', abort)
      if (error === undefined) resolve()
      else reject(error)
    }
    let isTaking = false
    let isAborted = false
    const abort = (): void => {
      isAborted = true
      // The sink has to be done with its chunk before anybody else writes to the same place.
      if (!isTaking) finish(new MirrorError('CANCELLED', 'the client went away before the end of its request'))
    }
    const takeSlowly = async (taken: Promise<void>): Promise<void> => {
      request.pause()
      isTaking = true
      try {
        await taken
        isTaking = false
        if (isAborted) abort()
        else request.resume()
      } catch (error) {
        finish(error)
      }
    }
    const take = (chunk: Uint8Array): void => {
      try {
        const taken = sink(chunk)
        if (taken !== undefined) void takeSlowly(taken)
      } catch (error) {
        finish(error)
      }
    }
    // Without a listener of its own the reset of an aborted request would end the process; `close` follows and tells.
    request.on('error', () => undefined)
    request.on('close', abort)
    request.on('end', finish)
    request.on('data', take)
    // A client may be gone before anybody reads: neither `end` nor `close` comes again then, whether all of the body had arrived or not.
    if (request.readableEnded) finish()
    else if (request.destroyed) abort()
  })
}

/**
 * A whole body of at most so many bytes; undefined where it is larger, and then it is not read to its end. `grow` is told how many have come, and may
 * ask with a promise to wait for the next.
 */
export async function receiveSmallBody(
  request: IncomingMessage,
  maxBytes: number,
  grow?: (size: number) => Promise<void> | undefined,
): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    await receiveBody(request, (chunk) => {
      size += chunk.length
      if (size > maxBytes) throw new RangeError('the body is too large')
      chunks.push(chunk)
      return grow?.(size)
    })
  } catch (error) {
    if (size > maxBytes) return undefined
    throw error
  }
  return Buffer.concat(chunks)
}

/** Answers `Expect: 100-continue` once the body is read, and not before: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1 */
export function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  request.once('resume', () => {
    // What is read after a refusal is thrown away, and nobody is asked for it.
    if (!response.headersSent) response.writeContinue()
  })
}
