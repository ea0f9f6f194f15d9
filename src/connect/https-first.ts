import { isMirrorError } from '../errors.ts'
import type { ReadablePlace } from '../oci/image-destination.ts'

// what OpenSSL says of a server that answers a handshake in plain text
const notTls: ReadonlySet<unknown> = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'])

function isPlainServer(error: unknown): boolean {
  return isMirrorError(error) && error.code === 'TLS' && notTls.has((error.cause as { readonly code?: unknown } | undefined)?.code)
}

/**
 * An http endpoint with TLS settings, as containerd takes it: HTTPS is tried first, and HTTP once the server has shown that it speaks no
 * TLS: https://github.com/containerd/containerd/blob/v2.1.0/core/remotes/docker/resolver.go (HTTPFallback)
 */
export function httpsFirst(https: ReadablePlace, http: ReadablePlace): ReadablePlace {
  let isPlain = false
  const ask = async <T>(work: (place: ReadablePlace) => Promise<T>): Promise<T> => {
    if (isPlain) return work(http)
    try {
      return await work(https)
    } catch (error) {
      if (!isPlainServer(error)) throw error
      isPlain = true
      return work(http)
    }
  }
  return {
    headManifest: (...args) => ask((place) => place.headManifest(...args)),
    getManifest: (...args) => ask((place) => place.getManifest(...args)),
    getBlob: (...args) => ask((place) => place.getBlob(...args)),
    headBlob: (...args) => ask((place) => place.headBlob(...args)),
  }
}
