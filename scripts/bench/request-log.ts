import { setTimeout as sleep } from 'node:timers/promises'
import type { DockerRegistry } from '../../test/servers/docker-registry.ts'
import { plainRequest } from '../../test/servers/http-request.ts'
import { requestKind, type RequestKind } from '../../test/servers/request-kind.ts'

/** What a registry was asked, from its own access log: the same for every client, over a proxy or not. */
export interface Requests {
  readonly total: number
  readonly byKind: ReadonlyMap<RequestKind, number>
  /** Bytes of all bodies that it sent. */
  readonly bytesSent: number
}

const marker = /GET \/v2\/\?mark=/

/** Reads what a registry has logged since the last call. */
export class RequestLog {
  readonly #registry: DockerRegistry
  #seen = 0
  #marks = 0

  constructor(registry: DockerRegistry) {
    this.#registry = registry
  }

  /** A request of our own marks the end: what a client that has ended was answered stands before it. */
  async since(): Promise<Requests> {
    const mark = `/v2/?mark=${++this.#marks}`
    await plainRequest(`${this.#registry.url}${mark}`)
    const { accessLog } = this.#registry
    let end = -1
    while ((end = accessLog.findIndex((line, index) => index >= this.#seen && line.includes(`GET ${mark} `))) === -1) await sleep(5)
    const lines = accessLog.slice(this.#seen, end)
    this.#seen = end + 1
    return count(lines)
  }
}

function count(lines: readonly string[]): Requests {
  const byKind = new Map<RequestKind, number>()
  let total = 0
  let bytesSent = 0
  for (const line of lines) {
    const [, method = '', path = '', bytes = '0'] = /"([A-Z]+) (\S+) HTTP\/[\d.]+" \d+ (\d+|-)/.exec(line) ?? []
    if (method === '' || marker.test(line)) continue
    const kind = requestKind(method, path)
    total++
    byKind.set(kind, (byKind.get(kind) ?? 0) + 1)
    bytesSent += Number(bytes) || 0
  }
  return { total, byKind, bytesSent }
}
