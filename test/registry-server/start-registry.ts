import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { Layout } from '../../src/layout/layout.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import type { GarbageOptions } from '../../src/registry-server/garbage-collector.ts'
import { createRegistryServer, type AccessRecord } from '../../src/registry-server/registry-server.ts'
import type { TinyImage } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** An answer with its whole body. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Code of the first error in an error body. */
  readonly code: string | undefined
  json(): unknown
}

/** Headers and body of a request. */
export interface Call {
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array | string
  /** Send the body without saying its length. */
  readonly isChunked?: boolean
}

/** A registry server over a layout of its own. */
export interface TestRegistry extends AsyncDisposable {
  readonly url: string
  readonly host: string
  readonly directory: string
  readonly layout: Layout
  readonly log: readonly AccessRecord[]
  /** Makes one request; the path is sent as it is written. */
  call(method: string, path: string, call?: Call): Promise<Answer>
  /** Pushes an image by the API and throws unless everything is accepted. */
  push(name: string, tag: string, image: TinyImage): Promise<void>
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const json = (): unknown => JSON.parse(body.toString())
  let code: string | undefined
  if (status >= 400 && body.length > 0 && headers['content-type']?.startsWith('application/json') === true)
    code = (json() as { errors: { code: string }[] }).errors[0]?.code
  return { status, headers, body, code, json }
}

/** Makes one request with node:http, which sends paths and headers as they are given. */
export function callUrl(base: string, method: string, path: string, call: Call = {}): Promise<Answer> {
  const { hostname, port } = new URL(base)
  const { body, headers = {}, isChunked = false } = call
  const length: Record<string, string> = isChunked
    ? { 'transfer-encoding': 'chunked' }
    : body === undefined && (method === 'GET' || method === 'HEAD')
      ? {}
      : { 'content-length': String(Buffer.byteLength(body ?? '')) }
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Starts a registry on a free loopback port; writable unless said otherwise. */
export async function startRegistry(
  options: { readonly writable?: boolean; readonly sparse?: boolean; readonly registry?: string; readonly garbage?: GarbageOptions } = {},
): Promise<TestRegistry> {
  const dir = await tempDir()
  const layout = await openLayout(dir.path, { durable: false })
  const log: AccessRecord[] = []
  const writable = options.writable ?? true
  const server = createRegistryServer({
    layout: writable ? layout : await readLayout(dir.path),
    ...options,
    writable,
    onRequest: (record) => log.push(record),
  })
  const { url, port } = await server.listen('127.0.0.1', 0)
  const call = (method: string, path: string, more?: Call): Promise<Answer> => callUrl(url, method, path, more)
  const accept = async (answer: Promise<Answer>): Promise<void> => {
    const { status, body } = await answer
    if (status !== 201) throw new Error(`${status} ${body.toString()}`)
  }
  const push = async (name: string, tag: string, image: TinyImage): Promise<void> => {
    for (const { bytes, descriptor } of image.blobs)
      await accept(call('POST', `/v2/${name}/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes }))
    for (const { bytes, descriptor } of image.manifests) {
      const reference = descriptor.digest === image.root.descriptor.digest ? tag : descriptor.digest
      await accept(call('PUT', `/v2/${name}/manifests/${reference}`, { body: bytes, headers: { 'content-type': descriptor.mediaType } }))
    }
  }
  return {
    url,
    host: `127.0.0.1:${port}`,
    directory: dir.path,
    layout,
    log,
    call,
    push,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await layout.close()
      await dir[Symbol.asyncDispose]()
    },
  }
}
