import { cannot, MirrorError, type Attempt } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import { parseJson } from '../oci/json-object.ts'
import type { ApiRequest } from './api-request.ts'
import type { RegistryTransport } from './transport.ts'

const maxPageBytes = 8 * 1024 * 1024
const mostPages = 1000
/** Registries cut longer pages or refuse them. */
export const pageSize = 1000

const mostEntries = mostPages * pageSize

/** The target of `Link: <target>; rel="next"`, of one header or several: https://www.rfc-editor.org/rfc/rfc8288#section-3 */
export function parseNextLink(values: readonly string[]): string | undefined {
  for (const value of values) {
    for (const [, uri, parameters = ''] of value.matchAll(
      /<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;<>]+))?)*)/g,
    )) {
      const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))/i.exec(parameters)
      if ((rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/).includes('next')) return uri
    }
  }
  return undefined
}

/** Credentials go along, so the next page is only ever asked of the registry itself. */
function nextPage(response: HttpResponse): URL | undefined {
  const link = parseNextLink(response.headers.all('link'))
  if (link === undefined) return undefined
  const { url } = response
  if (!URL.canParse(link, url.href)) throw new MirrorError('PROTOCOL', `${url.host} returned an invalid URL for the next page`)
  const next = new URL(link, url)
  if (next.origin !== url.origin) throw new MirrorError('REFUSED_ADDRESS', `${url.host} returned a next page on another host, ${next.host}`)
  return next
}

/** A list that a registry gives page by page. */
export interface PagedList extends Pick<ApiRequest, 'repository' | 'isUnscoped' | 'headers' | 'signal'> {
  /** The first page. */
  readonly url: URL
  /** What is listed, for messages: `tags`, and of what. */
  readonly entries: string
  readonly name: string
  /** The field of a page that has the entries. */
  readonly field: string
  /** The text of an entry; undefined for one that is invalid. */
  readonly read: (entry: unknown) => string | undefined
}

function readPage(response: HttpResponse, what: Attempt, { field, read }: PagedList): readonly string[] {
  const refuse = (why: string, cause?: unknown): MirrorError => cannot('PROTOCOL', what, `${response.url.host} returned ${why}`, { cause })
  const document = parseJson(Buffer.from(response.body).toString('utf8'), (cause) => refuse('invalid JSON', cause))
  const entries = (document as Readonly<Record<string, unknown>> | null)?.[field]
  // Some registries have null where a list is empty.
  if (entries === null || entries === undefined) return []
  if (!Array.isArray(entries)) throw refuse('no list')
  return entries.map(read).filter((entry) => entry !== undefined)
}

/** Every entry of a list, each once, in the registry's order. Throws NOT_FOUND, REFUSED_ADDRESS for a page elsewhere, PROTOCOL for pages without end. */
export async function listPages(transport: RegistryTransport, list: PagedList): Promise<readonly string[]> {
  const { entries, name, repository, isUnscoped, headers, signal } = list
  const subject = `the ${entries} of ${name}`
  const what: Attempt = [`list the ${entries} of`, name]
  const found = new Set<string>()
  const seen = new Set<string>()
  let url: URL | undefined = list.url
  while (url !== undefined) {
    if (seen.has(url.href)) throw new MirrorError('PROTOCOL', `${url.host} returned a circular list of ${subject}`)
    seen.add(url.href)
    if (seen.size > mostPages) throw new MirrorError('PROTOCOL', `${url.host} lists ${subject} on more than ${mostPages} pages`)
    const response = await transport.send({
      method: 'GET',
      url,
      what,
      repository,
      expect: [200],
      maxBytes: maxPageBytes,
      signal,
      ...(isUnscoped !== undefined && { isUnscoped }),
      ...(headers !== undefined && { headers }),
    })
    for (const entry of readPage(response, what, list)) found.add(entry)
    if (found.size > mostEntries) throw new MirrorError('PROTOCOL', `${url.host} lists more than ${mostEntries} ${entries} of ${name}`)
    url = nextPage(response)
  }
  return [...found]
}
