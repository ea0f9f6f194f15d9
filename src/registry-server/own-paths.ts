import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { isRegistry } from '../oci/reference.ts'
import { InventoryReader, type LayoutTimes } from './inventory.ts'
import { Metrics, metricsType } from './metrics.ts'
import { renderPage } from './page.ts'
import type { RegistryState } from './registry-call.ts'
import { failureReply, Refusal, type Reply } from './reply.ts'

/** What the page shows that neither the layout nor this server knows. */
export interface PageSources extends LayoutTimes {
  /** The releases and lists that the images are of, where that is known. */
  readonly lists?: readonly string[]
  /** The registries.yaml with which nodes find the images at this origin; undefined where there is none. */
  nodeRegistries(origin: URL): string | undefined
}

/** The path that is answered without a password: it says that the server runs, and nothing else. */
export const healthPath = '/healthz'

/** The path of a request, without its query. */
export function pathOf(url: string): string {
  return url.replace(/\?.*$/s, '')
}

/** The origin as the client addressed it; a Host header that is no registry's name gives way to the address of the connection. */
function originOf(host: string | undefined, isSecure: boolean, { localAddress = '', localPort = 0 }: Socket): URL {
  const scheme = isSecure ? 'https' : 'http'
  const address = localAddress.replace(/^::ffff:/, '')
  const here = `${address.includes(':') ? `[${address}]` : address}:${localPort}`
  return new URL(`${scheme}://${host !== undefined && isRegistry(host) ? host : here}`)
}

/** Replies to what stands next to the API. */
export class OwnPaths {
  readonly metrics: Metrics = new Metrics()
  readonly #state: RegistryState
  readonly #inventory: InventoryReader
  readonly #options: { readonly isSecure: boolean; readonly hasPasswords: boolean; readonly page: PageSources | undefined }

  constructor(state: RegistryState, options: { isSecure: boolean; hasPasswords: boolean; page: PageSources | undefined }) {
    this.#state = state
    this.#options = options
    this.#inventory = new InventoryReader(state.layout, options.page)
  }

  /** The reply to GET and HEAD of `/`, `/healthz` and `/metrics`; undefined for every other path. */
  async reply(request: IncomingMessage): Promise<Reply | undefined> {
    const { method, url = '' } = request
    const path = pathOf(url)
    if (path !== '/' && path !== healthPath && path !== '/metrics') return undefined
    if (method !== 'GET' && method !== 'HEAD')
      throw new Refusal(405, { code: 'UNSUPPORTED', message: 'the operation is unsupported' }, { allow: 'GET, HEAD' })
    if (path === '/') return this.#page(request)
    const headers = { 'content-type': path === healthPath ? 'text/plain; charset=utf-8' : metricsType, 'cache-control': 'no-store' }
    if (path === '/metrics') return { status: 200, headers, body: this.#metrics() }
    // A writer that another one replaced should be started again, or sent no more requests: that is what this path is asked for.
    const { writable } = this.#state
    return writable?.lost.aborted === true ? failureReply(writable.lost.reason) : { status: 200, headers, body: 'ok\n' }
  }

  /** Ends what is under way for a page. */
  close(): void {
    this.#inventory.close()
  }

  #metrics(): string {
    const { layout, uploads } = this.#state
    const repositories = layout.repositories()
    const tags = repositories.reduce((sum, repository) => sum + layout.tags(repository).length, 0)
    return this.metrics.render({ uploads: uploads.size, repositories: repositories.length, tags })
  }

  async #page({ headers, socket }: IncomingMessage): Promise<Reply> {
    const { isSecure, hasPasswords, page } = this.#options
    const { writable, registry } = this.#state
    const origin = originOf(headers.host, isSecure, socket)
    return renderPage(await this.#inventory.read(), {
      origin,
      isWritable: writable !== undefined,
      hasPasswords,
      registry,
      lists: page?.lists ?? [],
      nodeRegistries: page?.nodeRegistries(origin),
    })
  }
}
