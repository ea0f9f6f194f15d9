import type { IncomingMessage } from 'node:http'
import type { ChunkSink } from '../async/content.ts'
import { MirrorError } from '../errors.ts'

/** Passes the body of a request to the sink; rejects when the client goes away before the end, or when the sink fails. */
export function receiveBody(request: IncomingMessage, sink: ChunkSink): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: unknown): void => {
      request.off('data', take).off('end', finish).off('close', abort)
      if (error === undefined) resolve()
      else reject(error)
    }
    let isTaking = false
    let isAborted = false
    const abort = (): void => {
      isAborted = true
      // The sink must finish its chunk before another request writes to the same file.
      if (!isTaking) finish(new MirrorError('CANCELLED', 'the client disconnected before the end of its request'))
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
    // Without a listener the reset of an aborted request would end the process; `close` follows and rejects.
    request.on('error', () => undefined)
    request.on('close', abort).on('end', finish).on('data', take)
    // If the client left before the body was read, neither `end` nor `close` comes again.
    if (request.readableEnded) finish()
    else if (request.destroyed) abort()
  })
}
