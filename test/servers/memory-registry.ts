import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { requestKind, type RequestKind } from './request-kind.ts'
import { scriptedServer, type ScriptedRequest, type ServerTls } from './scripted-server.ts'

/** One request to the registry. */
export interface SeenRequest {
  readonly kind: RequestKind
  readonly method: string
  /** Path and query, undecoded. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** How often this kind was asked for so far, this time included: 1 for the first. */
  readonly nth: number
  readonly scripted: ScriptedRequest
}

/** Answers a request in place of the registry, and then gives true. */
export type Intercept = (request: SeenRequest, response: ServerResponse) => boolean | undefined | Promise<boolean | undefined>

/** A manifest as it was put. */
export interface HeldManifest {
  readonly mediaType: string
  readonly bytes: Buffer
}

/** What a registry in memory is pushed. */
export interface PushedImage {
  readonly blobs: readonly { readonly bytes: Uint8Array; readonly descriptor: { readonly digest: string } }[]
  readonly manifests: readonly {
    readonly bytes: Uint8Array
    readonly descriptor: { readonly digest: string; readonly mediaType: string }
  }[]
}

/** A registry that holds everything in memory, is strict about what it is sent, and lets a test answer any request itself. */
export interface MemoryRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` or `https://…`, without a slash at the end. */
  readonly url: string
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly requests: readonly SeenRequest[]
  /** Paths of the upload sessions that are open. */
  readonly sessions: ReadonlySet<string>
  /** By `repository@digest` and `repository:tag`. */
  readonly manifests: Map<string, HeldManifest>
  /** By `repository@digest`. */
  readonly blobs: Map<string, Buffer>
  /** What became visible, in order: `blob repository@digest`, `manifest repository@digest`, `tag repository:tag`. */
  readonly writes: readonly string[]
  intercept: Intercept
  /** Puts an image there without a request; the last manifest gets the tag. */
  hold(repository: string, tag: string, image: PushedImage): void
  /** How many requests of the kind were made. */
  count(kind: RequestKind): number
  /** The kinds of all requests, in order. */
  kinds(): readonly RequestKind[]
  /** Forgets the requests and writes so far. */
  forget(): void
}

const jsonType = { 'content-type': 'application/json' }

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function isDigestOf(digest: string, bytes: Uint8Array): boolean {
  const [algorithm = '', hex] = digest.split(':')
  return createHash(algorithm).update(bytes).digest('hex') === hex
}

/** Answers with an error body, an entry for each digest that it is about: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message = 'said the test',
  digests: readonly (string | undefined)[] = [undefined],
): true {
  const errors = digests.map((digest) => ({ code, message, detail: { digest } }))
  response.writeHead(status, jsonType).end(JSON.stringify({ errors }))
  return true
}

/** Starts an empty registry in memory. */
export async function memoryRegistry(
  intercept: Intercept = () => undefined,
  options: { readonly tls?: ServerTls } = {},
): Promise<MemoryRegistry> {
  const requests: SeenRequest[] = []
  const counts = new Map<RequestKind, number>()
  const sessions = new Set<string>()
  const manifests = new Map<string, HeldManifest>()
  const blobs = new Map<string, Buffer>()
  const writes: string[] = []
  let opened = 0

  function missingOf(repository: string, document: Record<string, unknown>): string[] {
    const entry = (value: unknown): { digest: string; urls?: unknown } => value as { digest: string; urls?: unknown }
    const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
    const children = list(document['manifests']).map(entry)
    const own = [...(document['config'] === undefined ? [] : [document['config']]), ...list(document['layers'])].map(entry)
    return [
      ...children.filter(({ digest }) => !manifests.has(`${repository}@${digest}`)),
      ...own.filter(({ digest, urls }) => urls === undefined && !blobs.has(`${repository}@${digest}`)),
    ].map(({ digest }) => digest)
  }

  async function putManifest(repository: string, reference: string, { scripted, headers }: SeenRequest, response: ServerResponse) {
    const bytes = await scripted.readBody()
    const missing = missingOf(repository, JSON.parse(bytes.toString()) as Record<string, unknown>)
    if (missing.length > 0) return void refuse(response, 400, 'MANIFEST_BLOB_UNKNOWN', 'not here', missing)
    const digest = reference.includes(':') ? reference : sha256(bytes)
    if (!isDigestOf(digest, bytes)) return void refuse(response, 400, 'DIGEST_INVALID')
    const held = { mediaType: headers['content-type'] ?? '', bytes }
    manifests.set(`${repository}@${digest}`, held)
    writes.push(`manifest ${repository}@${digest}`)
    if (reference !== digest) {
      manifests.set(`${repository}:${reference}`, held)
      writes.push(`tag ${repository}:${reference}`)
    }
    response.writeHead(201, { 'docker-content-digest': digest }).end()
  }

  function getManifest(repository: string, reference: string, response: ServerResponse): void {
    const held = manifests.get(`${repository}${reference.includes(':') ? '@' : ':'}${reference}`)
    if (held === undefined) return void refuse(response, 404, 'MANIFEST_UNKNOWN')
    const digest = reference.includes(':') ? reference : sha256(held.bytes)
    response.writeHead(200, { 'content-type': held.mediaType, 'content-length': held.bytes.length, 'docker-content-digest': digest })
    response.end(held.bytes)
  }

  function getBlob(name: string, { headers }: SeenRequest, response: ServerResponse): void {
    const bytes = blobs.get(name)
    if (bytes === undefined) return void refuse(response, 404, 'BLOB_UNKNOWN')
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    if (headers.range !== undefined && start >= bytes.length) return void refuse(response, 416, 'RANGE_INVALID')
    const range = headers.range === undefined ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(headers.range === undefined ? 200 : 206, { 'content-length': bytes.length - start, ...range })
    response.end(bytes.subarray(start))
  }

  function open(repository: string, query: URLSearchParams, response: ServerResponse): void {
    const mount = query.get('mount')
    const held = mount === null ? undefined : blobs.get(`${query.get('from')}@${mount}`)
    if (held !== undefined) {
      if (!blobs.has(`${repository}@${mount}`)) writes.push(`blob ${repository}@${mount}`)
      blobs.set(`${repository}@${mount}`, held)
      response.writeHead(201, { 'docker-content-digest': mount ?? '' }).end()
      return
    }
    const path = `/v2/${repository}/blobs/uploads/${++opened}`
    sessions.add(path)
    response.writeHead(202, { location: path }).end()
  }

  async function close(repository: string, digest: string, request: SeenRequest, response: ServerResponse): Promise<void> {
    const path = request.path.split('?')[0] ?? ''
    if (!sessions.has(path)) return void refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    const bytes = await request.scripted.readBody()
    sessions.delete(path)
    if (!isDigestOf(digest, bytes)) return void refuse(response, 400, 'DIGEST_INVALID')
    blobs.set(`${repository}@${digest}`, bytes)
    writes.push(`blob ${repository}@${digest}`)
    response.writeHead(201, { 'docker-content-digest': digest }).end()
  }

  function listTags(name: string, response: ServerResponse): void {
    const tags = [...manifests.keys()].filter((key) => key.startsWith(`${name}:`)).map((key) => key.slice(name.length + 1))
    if (tags.length === 0) return void refuse(response, 404, 'NAME_UNKNOWN')
    response.writeHead(200, jsonType).end(JSON.stringify({ name, tags }))
  }

  async function answer(request: SeenRequest, response: ServerResponse): Promise<void> {
    const [route = '', query = ''] = request.path.split('?')
    const parameters = new URLSearchParams(query)
    const [, repository = '', , last = ''] = /^\/v2\/(.*?)\/(manifests|blobs\/uploads|blobs|tags)\/([^/]*)$/.exec(route) ?? []
    const { kind } = request
    if (kind === 'ping') response.writeHead(200, jsonType).end('{}')
    else if (kind === 'manifest-head' || kind === 'manifest-get') getManifest(repository, last, response)
    else if (kind === 'manifest-put') await putManifest(repository, last, request, response)
    else if (kind === 'blob-head' || kind === 'blob-get') getBlob(`${repository}@${last}`, request, response)
    else if (kind === 'mount' || kind === 'upload-post') open(repository, parameters, response)
    else if (kind === 'upload-put') await close(repository, parameters.get('digest') ?? '', request, response)
    else if (kind === 'upload-delete') response.writeHead(sessions.delete(route) ? 204 : 404).end()
    else if (kind === 'tags') listTags(repository, response)
    else refuse(response, 404, 'UNSUPPORTED', `${request.method} ${route}`)
  }

  const registry = { intercept }
  const server = await scriptedServer(async (scripted, response) => {
    const { method, url: path, headers } = scripted
    const kind = requestKind(method, path)
    const nth = (counts.get(kind) ?? 0) + 1
    counts.set(kind, nth)
    const request = { kind, method, path, headers, nth, scripted }
    requests.push(request)
    if ((await registry.intercept(request, response)) !== true) await answer(request, response)
  }, options)
  return Object.assign(registry, {
    url: server.url,
    host: server.host,
    requests,
    sessions,
    manifests,
    blobs,
    writes,
    hold(repository: string, tag: string, image: PushedImage) {
      for (const { bytes, descriptor } of image.blobs) blobs.set(`${repository}@${descriptor.digest}`, Buffer.from(bytes))
      for (const { bytes, descriptor } of image.manifests) {
        manifests.set(`${repository}@${descriptor.digest}`, { mediaType: descriptor.mediaType, bytes: Buffer.from(bytes) })
      }
      const root = image.manifests.at(-1)
      if (root !== undefined) {
        manifests.set(`${repository}:${tag}`, { mediaType: root.descriptor.mediaType, bytes: Buffer.from(root.bytes) })
      }
    },
    count: (kind: RequestKind) => counts.get(kind) ?? 0,
    kinds: () => requests.map(({ kind }) => kind),
    forget() {
      requests.length = 0
      writes.length = 0
      counts.clear()
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  })
}
