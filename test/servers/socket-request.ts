import { request as httpRequest } from 'node:http'
import type { PlainResponse } from './http-request.ts'

/** One small request to an HTTP server on a unix socket. */
export interface SocketRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Ends the request; it then rejects. */
  readonly signal?: AbortSignal
}

/** Sends one request over a connection of its own and reads the whole answer; one that is cut short rejects. */
export function socketRequest(socketPath: string, path: string, options: SocketRequest = {}): Promise<PlainResponse> {
  const { method = 'GET', headers = {}, body, signal } = options
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method, headers, agent: false, ...(signal && { signal }) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
