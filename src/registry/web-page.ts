import type { ResponseHeaders } from '../http/message.ts'

/** True for an answer that says it is a web page: from a login page, a captive portal, or a server that is no registry. */
export function isWebPage(headers: ResponseHeaders): boolean {
  return /^text\/html\b/i.test(headers.get('content-type') ?? '')
}
