import { Agent as HttpAgent, createServer, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Agent as HttpsAgent, createServer as createTlsServer, request as httpsRequest } from 'node:https'
import { Transform, type TransformCallback } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { KeyPair } from './certificates.ts'
import { listen } from './listen.ts'
import { requestKind, type RequestKind } from './request-kind.ts'

/** An answer that the registry did not give. */
export interface FalseAnswer {
  readonly status: number
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
}

/** What goes wrong with one request; `after` and `at` count body bytes from 0. */
export type Fault =
  /** The registry never sees the request. */
  | ({ readonly fault: 'answer' } & FalseAnswer)
  /** The registry serves the request, but the client gets another answer. */
  | ({ readonly fault: 'answer-after' } & FalseAnswer)
  /** The connection to the client is cut after so many bytes of the answer's body; a shorter body is not harmed. */
  | { readonly fault: 'drop-response'; readonly after: number }
  /** Both connections are cut after so many bytes of the request's body reached the registry. */
  | { readonly fault: 'drop-request'; readonly after: number }
  /** The lowest bit of one byte of the answer's body is turned. */
  | { readonly fault: 'flip-bit'; readonly at: number }
  /** The request is forwarded after a delay. */
  | { readonly fault: 'delay'; readonly milliseconds: number }
  /** The request is not forwarded and never answered. */
  | { readonly fault: 'stall' }

/** One request as the fault function sees it. */
export interface ProxiedRequest {
  readonly kind: RequestKind
  readonly method: string
  /** Path and query, undecoded. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** How often this method and path (without query) was asked for, this time included: 1 for the first. */
  readonly attempt: number
}

/** What went through so far; the request at hand is counted. */
export interface Counters {
  readonly total: number
  readonly kinds: Readonly<Record<RequestKind, number>>
  readonly faults: number
  /** Body bytes from the clients. */
  readonly bytesUp: number
  /** Body bytes to the clients. */
  readonly bytesDown: number
}

/** Decides what goes wrong with a request; undefined lets it through unharmed. */
export type FaultRule = (request: ProxiedRequest, counters: Counters) => Fault | undefined

/** A running proxy. */
export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` or `https://…`, without a slash at the end. */
  readonly url: string
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly counters: Counters
  readonly requests: readonly ProxiedRequest[]
  /** The rule for requests from now on. */
  rule: FaultRule
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Starts a reverse proxy before a registry (`http://…` or `https://…`, whose certificate is not checked). It streams, and it keeps the
 * client's Host, so that the registry's absolute Locations lead back to the proxy.
 */
export async function faultProxy(
  registry: string,
  rule: FaultRule = () => undefined,
  options: { readonly tls?: KeyPair } = {},
): Promise<FaultProxy> {
  const origin = new URL(registry)
  const secure = origin.protocol === 'https:'
  const agent = secure ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: false }) : new HttpAgent({ keepAlive: true })
  const scheme = options.tls === undefined ? 'http' : 'https'
  const counters = { total: 0, kinds: noKinds(), faults: 0, bytesUp: 0, bytesDown: 0 } satisfies Writable<Counters>
  const attempts = new Map<string, number>()
  const requests: ProxiedRequest[] = []
  const proxy = { rule }

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = note(incoming, attempts)
    requests.push(request)
    counters.total++
    counters.kinds[request.kind]++
    const fault = proxy.rule(request, counters)
    if (fault !== undefined) counters.faults++
    if (fault?.fault === 'stall') return
    if (fault?.fault === 'delay') await wait(fault.milliseconds)
    if (fault?.fault === 'answer') {
      answer(response, fault, request.method)
      incoming.resume()
      return
    }
    const onward = (secure ? httpsRequest : httpRequest)({
      agent,
      host: origin.hostname,
      port: origin.port === '' ? (secure ? 443 : 80) : Number(origin.port),
      method: request.method,
      path: request.path,
      setHost: false,
      headers: { ...withoutHops(incoming.headers), 'x-forwarded-proto': scheme },
    })
    // the end of one connection ends the other
    onward.on('error', () => response.destroy())
    incoming.on('error', () => onward.destroy())
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy()
    })
    onward.on('response', (received) => giveBack(received, response, request, fault, (bytes) => (counters.bytesDown += bytes)))
    upload(incoming, onward, fault, (bytes) => (counters.bytesUp += bytes))
  }

  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    pass(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  }
  const server =
    options.tls === undefined ? createServer(listener) : createTlsServer({ cert: options.tls.certificate, key: options.tls.key }, listener)
  const { port, close } = await listen(server)
  return Object.assign(proxy, {
    url: `${scheme}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    counters,
    requests,
    async [Symbol.asyncDispose]() {
      await close()
      agent.destroy()
    },
  })
}

function note(incoming: IncomingMessage, attempts: Map<string, number>): ProxiedRequest {
  const method = incoming.method ?? ''
  const path = incoming.url ?? ''
  const key = `${method} ${path.split('?')[0]}`
  const attempt = (attempts.get(key) ?? 0) + 1
  attempts.set(key, attempt)
  return { kind: requestKind(method, path), method, path, headers: incoming.headers, attempt }
}

function upload(incoming: IncomingMessage, onward: ClientRequest, fault: Fault | undefined, count: (bytes: number) => void): void {
  let seen = 0
  const limit = fault?.fault === 'drop-request' ? fault.after : Infinity
  incoming.on('data', (chunk: Buffer) => {
    const part = seen + chunk.length > limit ? chunk.subarray(0, limit - seen) : chunk
    seen += chunk.length
    count(part.length)
    if (seen >= limit) {
      incoming.pause()
      // written out first, so that the registry really holds the beginning
      onward.write(part, () => {
        onward.destroy()
        incoming.socket.destroy()
      })
      return
    }
    if (!onward.write(part)) {
      incoming.pause()
      onward.once('drain', () => incoming.resume())
    }
  })
  incoming.on('end', () => onward.end())
}

function giveBack(
  received: IncomingMessage,
  response: ServerResponse,
  request: ProxiedRequest,
  fault: Fault | undefined,
  count: (bytes: number) => void,
): void {
  if (fault?.fault === 'answer-after') {
    received.resume()
    received.on('error', () => response.destroy())
    received.on('end', () => answer(response, fault, request.method))
    return
  }
  response.writeHead(received.statusCode ?? 502, withoutHops(received.headers))
  received.on('error', () => response.destroy())
  const harmed = new Transform({
    transform: harm(fault, count, () => {
      harmed.unpipe(response)
      received.destroy()
      response.socket?.destroySoon()
    }),
  })
  received.pipe(harmed).pipe(response)
}

function harm(fault: Fault | undefined, count: (bytes: number) => void, cut: () => void) {
  let seen = 0
  return function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const start = seen
    seen += chunk.length
    if (fault?.fault === 'drop-response' && seen > fault.after) {
      count(fault.after - start)
      this.push(chunk.subarray(0, fault.after - start))
      // the pipe has to carry the last bytes over before it is cut; without done() it can never end the answer as a whole one
      setImmediate(cut)
      return
    }
    count(chunk.length)
    if (fault?.fault === 'flip-bit' && fault.at >= start && fault.at < seen) {
      const copy = Buffer.from(chunk)
      copy[fault.at - start] = (copy[fault.at - start] ?? 0) ^ 1
      return done(null, copy)
    }
    return done(null, chunk)
  }
}

function answer(response: ServerResponse, { status, headers, body }: FalseAnswer, method: string): void {
  response.writeHead(status, { 'content-length': body === undefined ? 0 : Buffer.byteLength(body), ...headers })
  response.end(method === 'HEAD' ? undefined : body)
}

function withoutHops(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const hops = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hops.has(name)))
}

function noKinds(): Record<RequestKind, number> {
  return {
    ping: 0,
    'manifest-head': 0,
    'manifest-get': 0,
    'manifest-put': 0,
    'blob-head': 0,
    'blob-get': 0,
    mount: 0,
    'upload-post': 0,
    'upload-patch': 0,
    'upload-put': 0,
    'upload-delete': 0,
    tags: 0,
    other: 0,
  }
}
