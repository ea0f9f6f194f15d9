import { isMirrorError } from '../errors.ts'
import type { HttpResponse, ResponseHeaders } from '../http/message.ts'
import type { ApiRequest } from './api-request.ts'
import type { RegistryTransport } from './transport.ts'

/** True for a web page: of a login, a captive portal, or a server that is not a registry. */
export function isWebPage(headers: ResponseHeaders): boolean {
  return /^text\/html\b/i.test(headers.get('content-type') ?? '')
}

/** A 404 that the registry itself wrote, and no proxy or storage. At a source it is worth a GET: without the manifest an image is lost. */
function isOwnAnswer({ url, headers }: HttpResponse, transport: RegistryTransport, asksFor: 'manifest' | 'blob'): boolean {
  if (transport.side === 'source' && asksFor === 'manifest') return false
  const isJson = /\bjson\b/i.test(headers.get('content-type') ?? '')
  return url.origin === transport.endpoint.origin.origin && (isJson || headers.get('docker-distribution-api-version') !== undefined)
}

/** Asks by HEAD, which Docker Hub does not count as a pull; undefined for an answer that may not come from the registry itself, so that a GET is needed. */
export async function askByHead(
  transport: RegistryTransport,
  request: Omit<ApiRequest, 'method' | 'expect'> & { readonly asksFor: 'manifest' | 'blob' },
): Promise<HttpResponse | undefined> {
  const { asksFor, ...head } = request
  if (transport.distrusted.has(asksFor)) return undefined
  const response = await transport.retry(
    () =>
      transport.sendInTurn({ ...head, method: 'HEAD' }).catch((error: unknown) => {
        // A server that sends a body or hangs up where it is asked by HEAD.
        if (isMirrorError(error) && (error.code === 'PROTOCOL' || error.code === 'CONNECTION_LOST')) return undefined
        throw error
      }),
    request,
  )
  if (response?.status === 200 && !isWebPage(response.headers)) return response
  return response?.status === 404 && isOwnAnswer(response, transport, asksFor) ? response : undefined
}
