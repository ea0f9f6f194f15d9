import { isMirrorError } from '../errors.ts'
import type { ReadablePlace } from './checked-place.ts'

// what OpenSSL says of a server that answers a handshake in plain text
const notTls: ReadonlySet<unknown> = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'])

function isPlainServer(error: unknown): boolean {
  return isMirrorError(error) && error.code === 'TLS' && notTls.has((error.cause as { readonly code?: unknown } | undefined)?.code)
}

/**
 * An http endpoint with TLS settings, as containerd takes it: HTTPS is tried first, and HTTP once the server has shown that it speaks no
 * TLS: https://github.com/containerd/containerd/blob/v2.1.0/core/remotes/docker/resolver.go (HTTPFallback)
 */
export class HttpsFirstPlace implements ReadablePlace {
  readonly #https: ReadablePlace
  readonly #http: ReadablePlace
  #isPlain = false

  constructor(https: ReadablePlace, http: ReadablePlace) {
    this.#https = https
    this.#http = http
  }

  headManifest: ReadablePlace['headManifest'] = (...args) => this.#ask((place) => place.headManifest(...args))
  getManifest: ReadablePlace['getManifest'] = (...args) => this.#ask((place) => place.getManifest(...args))
  getBlob: ReadablePlace['getBlob'] = (...args) => this.#ask((place) => place.getBlob(...args))
  headBlob: ReadablePlace['headBlob'] = (...args) => this.#ask((place) => place.headBlob(...args))

  async #ask<T>(work: (place: ReadablePlace) => Promise<T>): Promise<T> {
    if (this.#isPlain) return work(this.#http)
    try {
      return await work(this.#https)
    } catch (error) {
      if (!isPlainServer(error)) throw error
      this.#isPlain = true
      return work(this.#http)
    }
  }
}
