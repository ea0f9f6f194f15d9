import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { isRegistry } from '../oci/reference.ts'
import { answerFailure } from './answer.ts'
import { InventoryReader, type LayoutTimes } from './inventory.ts'
import { Metrics, metricsType } from './metrics.ts'
import { renderPage } from './page.ts'
import type { RegistryState } from './registry-call.ts'
import { refusal, type Reply } from './reply.ts'

/** What the page shows that neither the layout nor this server knows. */
export interface PageSources extends LayoutTimes {
  /** The releases and lists that the images are of, where that is known. */
  readonly lists?: readonly string[]
  /** The registries.yaml with which nodes find the images at this origin; undefined where there is none. */
  nodeRegistries(origin: URL): string | undefined
}

/** What is said of the server on its page. */
export interface OwnPathsOptions {
  readonly isSecure: boolean
  readonly hasPasswords: boolean
  readonly page: PageSources | undefined
}

/** The path that is answered without a password: it says that the server runs, and nothing else. */
export const healthPath = '/healthz'

/** The path of a request, without its query. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

/** The origin as the client addressed it; a Host header that is no registry's name gives way to the address of the connection. */
function originOf(host: string | undefined, isSecure: boolean, { localAddress = '', localPort = 0 }: Socket): URL {
  const scheme = isSecure ? 'https' : 'http'
  const address = localAddress.replace(/^::ffff:/, '')
  const here = `${address.includes(':') ? `[${address}]` : address}:${localPort}`
  return new URL(`${scheme}://${host !== undefined && isRegistry(host) ? host : here}`)
}

/** A writer that another one replaced should be started again, or sent no more requests: that is what this path is asked for. */
function answerHealth({ writable }: RegistryState): Reply {
  if (writable?.lost.aborted === true) return answerFailure(writable.lost.reason)
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: 'ok\n' }
}

function answerMetrics({ layout, uploads }: RegistryState, metrics: Metrics): Reply {
  const repositories = layout.repositories()
  const tags = repositories.reduce((sum, repository) => sum + layout.tags(repository).length, 0)
  const body = metrics.render({ uploads: uploads.size, repositories: repositories.length, tags })
  return { status: 200, headers: { 'content-type': metricsType, 'cache-control': 'no-store' }, body }
}

/** Answers what stands beside the API. */
export class OwnPaths {
  readonly metrics: Metrics = new Metrics()
  readonly #state: RegistryState
  readonly #inventory: InventoryReader
  readonly #options: OwnPathsOptions

  constructor(state: RegistryState, options: OwnPathsOptions) {
    this.#state = state
    this.#options = options
    this.#inventory = new InventoryReader(state.layout, options.page)
  }

  /** Answers `/`, `/healthz` and `/metrics` by GET and HEAD; undefined for every other path. */
  async answer(request: IncomingMessage): Promise<Reply | undefined> {
    const { method, url = '' } = request
    const path = pathOf(url)
    if (path !== '/' && path !== healthPath && path !== '/metrics') return undefined
    if (method !== 'GET' && method !== 'HEAD')
      return refusal(405, { code: 'UNSUPPORTED', message: 'the operation is unsupported' }, { allow: 'GET, HEAD' })
    if (path === healthPath) return answerHealth(this.#state)
    if (path === '/metrics') return answerMetrics(this.#state, this.metrics)
    return this.#answerPage(request)
  }

  /** Ends what is under way for a page. */
  close(): void {
    this.#inventory.close()
  }

  async #answerPage({ headers, socket }: IncomingMessage): Promise<Reply> {
    const { isSecure, hasPasswords, page } = this.#options
    const origin = originOf(headers.host, isSecure, socket)
    const { writable, registry } = this.#state
    const facts = {
      origin,
      isWritable: writable !== undefined,
      hasPasswords,
      registry,
      lists: page?.lists ?? [],
      nodeRegistries: page?.nodeRegistries(origin),
    }
    return renderPage(await this.#inventory.read(), facts)
  }
}
