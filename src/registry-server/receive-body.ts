import type { IncomingMessage } from 'node:http'
import type { ChunkSink } from '../async/content.ts'
import { MirrorError } from '../errors.ts'

/** Hands a request's body to the sink as fast as that takes it; rejects when the client went away before its end, or when the sink did. */
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
      // The sink has to be done with its chunk before anybody else writes to the same file.
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
    request.on('close', abort).on('end', finish).on('data', take)
    // A client may be gone before anybody reads: neither `end` nor `close` comes again then, whether all of the body had arrived or not.
    if (request.readableEnded) finish()
    else if (request.destroyed) abort()
  })
}
