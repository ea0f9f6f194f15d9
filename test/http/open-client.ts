import { HttpClient, type HttpClientOptions } from '../../src/http/http-client.ts'

/** A client that is closed with its scope. */
export function openClient(options: HttpClientOptions = {}): HttpClient & AsyncDisposable {
  const client = new HttpClient(options)
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

/** Content whose chunks are the same buffer again and again, as those of a download are. */
export function repeated(
  size: number,
  chunkBytes = 128 * 1024,
): {
  size: number
  read(sink: (chunk: Uint8Array) => void | Promise<void>): Promise<void>
  cancel(): void
  readonly given: number
  readonly cancelled: boolean
} {
  const chunk = Buffer.alloc(chunkBytes, 'x')
  let given = 0
  let cancelled = false
  return {
    size,
    async read(sink) {
      while (given < size) {
        const part = chunk.subarray(0, Math.min(chunk.length, size - given))
        await sink(part)
        given += part.length
        // the sockets of the process take turns
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    cancel() {
      cancelled = true
    },
    get given() {
      return given
    },
    get cancelled() {
      return cancelled
    },
  }
}
