import type { IncomingMessage } from 'node:http'

/** Gives a request its path and Host where the client named the whole URL, as it does to a proxy: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2 */
export function takeOriginForm(request: IncomingMessage): void {
  const match = /^https?:\/\/([^/?]*)(.*)$/is.exec(request.url ?? '')
  if (match === null) return
  const [, authority = '', rest = ''] = match
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  request.headers.host = authority
}
