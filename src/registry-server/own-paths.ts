import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { isRegistry } from '../oci/reference.ts'
import { version } from '../version.ts'
import { InventoryReader, type LayoutTimes } from './inventory.ts'
import { Metrics, metricsType, type CollectionCounts } from './metrics.ts'
import { registriesPath } from './page-facts.ts'
import { renderPage } from './page.ts'
import type { RegistryState } from './registry-call.ts'
import { failureReply, Refusal, type Reply } from './reply.ts'
import { caPath, fileReply, type ServedFiles } from './served-files.ts'
import { prefersHtml, renderTextPage } from './text-page.ts'

/** What the page shows in addition to the contents of the layout. */
export interface PageSources extends LayoutTimes {
  /** The releases and lists of a bundle. */
  readonly lists?: readonly string[]
  /** The registries.yaml for nodes that pull from this origin; undefined without images. */
  nodeRegistries(origin: URL): string | undefined
  /** Why nodes may not reach the server at this origin; undefined where nothing is known against it. */
  nodeWarning?(origin: URL): string | undefined
}

/** The path that needs no password: it only reports that the server runs. */
const healthPath = '/healthz'

/** The path of a request, without its query. */
export function pathOf(url: string): string {
  return url.replace(/\?.*$/s, '')
}

/** The origin as the client addressed it; an invalid Host header is replaced by the address of the connection. */
function originOf(host: string | undefined, isSecure: boolean, { localAddress = '', localPort = 0 }: Socket): URL {
  const scheme = isSecure ? 'https' : 'http'
  const address = localAddress.replace(/^::ffff:/, '')
  const here = `${address.includes(':') ? `[${address}]` : address}:${localPort}`
  return new URL(`${scheme}://${host !== undefined && isRegistry(host) ? host : here}`)
}

const ownPaths: ReadonlySet<string> = new Set(['/', healthPath, '/metrics', registriesPath])

interface OwnPathOptions {
  readonly isSecure: boolean
  readonly hasPasswords: boolean
  readonly page: PageSources | undefined
  /** The address that clients use, in place of what they send as Host. */
  readonly origin: URL | undefined
  readonly files: ServedFiles | undefined
  readonly caCertificate: string | undefined
  /** Whether files and what nodes need before they have a password require it too. */
  readonly protectFiles: boolean
  readonly collections: CollectionCounts
}

/** Replies to the paths outside the API. */
export class OwnPaths {
  readonly metrics: Metrics = new Metrics()
  readonly #state: RegistryState
  readonly #inventory: InventoryReader
  readonly #options: OwnPathOptions

  constructor(state: RegistryState, options: OwnPathOptions) {
    this.#state = state
    this.#options = options
    this.#inventory = new InventoryReader(state.layout, options.page)
  }

  /** The reply to what needs no password: `/healthz` and `/ca.crt`, and with files those, the channels and `/registries.yaml`, because the installer sends none. */
  async openReply(request: IncomingMessage): Promise<Reply | undefined> {
    const path = pathOf(request.url ?? '')
    const { files, caCertificate, protectFiles } = this.#options
    if (path === healthPath) return this.reply(request)
    // Who needs it does not know the server yet, and must not send it a password.
    const isCa = path === caPath && caCertificate !== undefined
    if (files === undefined || (protectFiles && !isCa)) return undefined
    return path === registriesPath ? this.reply(request) : this.#file(request, path)
  }

  /** The reply to GET and HEAD of `/`, `/registries.yaml`, `/healthz` and `/metrics`, and of files; undefined for every other path. */
  async reply(request: IncomingMessage): Promise<Reply | undefined> {
    const { method, url = '' } = request
    const path = pathOf(url)
    if (!ownPaths.has(path)) return this.#file(request, path)
    if (method !== 'GET' && method !== 'HEAD')
      throw new Refusal(405, { code: 'UNSUPPORTED', message: 'the operation is unsupported' }, { allow: 'GET, HEAD' })
    if (path === '/') return this.#page(request)
    if (path === registriesPath) return this.#registries(request)
    const headers = { 'content-type': path === healthPath ? 'text/plain; charset=utf-8' : metricsType, 'cache-control': 'no-store' }
    if (path === '/metrics') return { status: 200, headers, body: await this.#metrics() }
    // An orchestrator restarts a writer that was replaced, or sends it no more requests.
    const { writable } = this.#state
    return writable?.lost.aborted === true ? failureReply(writable.lost.reason) : { status: 200, headers, body: 'ok\n' }
  }

  /** Cancels pages that are being made. */
  close(): void {
    this.#inventory.close()
  }

  /** No file takes the place of the API or of a path of the server. */
  async #file(request: IncomingMessage, path: string): Promise<Reply | undefined> {
    const { files, caCertificate } = this.#options
    if (files === undefined || ownPaths.has(path) || /^\/v2(?:\/|$)/.test(path)) return undefined
    return fileReply(files, request, { path, caCertificate })
  }

  async #metrics(): Promise<string> {
    const { layout, uploads } = this.#state
    const repositories = layout.repositories()
    const tags = repositories.reduce((sum, repository) => sum + layout.tags(repository).length, 0)
    const storedBytes = await layout.storedBytes()
    const { collections } = this.#options
    return this.metrics.render({ uploads: uploads.size, repositories: repositories.length, tags, storedBytes, collections, version })
  }

  #originOf({ headers, socket }: IncomingMessage): URL {
    return this.#options.origin ?? originOf(headers.host, this.#options.isSecure, socket)
  }

  #registries(request: IncomingMessage): Reply {
    const text = this.#options.page?.nodeRegistries(this.#originOf(request))
    if (text === undefined) throw new Refusal(404, { code: 'NAME_UNKNOWN', message: 'there are no images for nodes yet' })
    const headers = {
      'content-type': 'application/yaml',
      'content-disposition': 'attachment; filename="registries.yaml"',
      'cache-control': 'no-store',
    }
    return { status: 200, headers, body: text }
  }

  async #page(request: IncomingMessage): Promise<Reply> {
    const { hasPasswords, protectFiles, page, files, caCertificate } = this.#options
    const { writable, registry } = this.#state
    const origin = this.#originOf(request)
    const render = prefersHtml(request.headers.accept ?? '') ? renderPage : renderTextPage
    return render(await this.#inventory.read(), {
      origin,
      isWritable: writable !== undefined,
      hasPasswords,
      protectFiles,
      registry,
      lists: page?.lists ?? [],
      nodeRegistries: page?.nodeRegistries(origin),
      nodeWarning: page?.nodeWarning?.(origin),
      files: await files?.list(),
      caCertificate,
    })
  }
}
