import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** A small request of the tests themselves: it uses only node:http, so that the tested code never tests itself. */
export interface PlainRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** PEM of the authority to trust; default: no certificate is checked. */
  readonly ca?: string
  readonly certificate?: string
  readonly key?: string
}

/** The whole answer. */
export interface PlainResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const keepAlive = new HttpAgent({ keepAlive: true, maxSockets: 8, timeout: 4000 })
const keepAliveTls = new HttpsAgent({ keepAlive: true, maxSockets: 8, timeout: 4000 })

/** Sends one request and reads the whole answer; a redirect is an answer. */
export function plainRequest(url: string | URL, options: PlainRequest = {}): Promise<PlainResponse> {
  const secure = new URL(url).protocol === 'https:'
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(
      url,
      {
        method: options.method ?? 'GET',
        headers: {
          ...(options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) }),
          ...options.headers,
        },
        agent: secure ? keepAliveTls : keepAlive,
        rejectUnauthorized: options.ca !== undefined,
        ca: options.ca,
        cert: options.certificate,
        key: options.key,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(options.body)
  })
}
