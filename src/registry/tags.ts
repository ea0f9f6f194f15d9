import { cannot, MirrorError } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatRepository, isTag, type Repository } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import type { RegistryTransport } from './transport.ts'

const maxPageBytes = 8 * 1024 * 1024
const mostPages = 1000
/** Registries cut longer pages or refuse them. */
const pageSize = 1000

const mostTags = mostPages * pageSize

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
  if (!URL.canParse(link, url.href)) throw new MirrorError('PROTOCOL', `${url.host} names a next page that is not a URL`)
  const next = new URL(link, url)
  if (next.origin !== url.origin) throw new MirrorError('REFUSED_ADDRESS', `${url.host} names a next page at another place, ${next.host}`)
  return next
}

function readPage(response: HttpResponse, name: string): readonly string[] {
  let tags: unknown
  try {
    ;({ tags } = JSON.parse(Buffer.from(response.body).toString('utf8')) as { tags?: unknown })
  } catch (cause) {
    throw cannot('PROTOCOL', ['list the tags of', name], `${response.url.host} answers with something that is not JSON`, {
      cause,
    })
  }
  // Some registries have null where a repository has no tag.
  if (tags === null || tags === undefined) return []
  if (!Array.isArray(tags)) throw cannot('PROTOCOL', ['list the tags of', name], `${response.url.host} answers without a list`)
  return tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag))
}

/** Every tag of a repository, in the registry's order. Throws NOT_FOUND, REFUSED_ADDRESS for a page elsewhere, PROTOCOL for pages without end. */
export async function listTags(
  transport: RegistryTransport,
  repository: Repository,
  options: CallOptions = {},
): Promise<readonly string[]> {
  const name = formatRepository(repository)
  const tags = new Set<string>()
  const seen = new Set<string>()
  let url: URL | undefined = apiUrl(transport.endpoint, repository.path, `tags/list?n=${pageSize}`)
  while (url !== undefined) {
    if (seen.has(url.href)) throw new MirrorError('PROTOCOL', `${url.host} lists the tags of ${name} in a circle`)
    seen.add(url.href)
    if (seen.size > mostPages) throw new MirrorError('PROTOCOL', `${url.host} lists the tags of ${name} on more than ${mostPages} pages`)
    const response = await transport.send({
      method: 'GET',
      url,
      what: ['list the tags of', name],
      repository: repository.path,
      expect: [200],
      maxBytes: maxPageBytes,
      signal: options.signal,
    })
    for (const tag of readPage(response, name)) tags.add(tag)
    if (tags.size > mostTags) throw new MirrorError('PROTOCOL', `${url.host} lists more than ${mostTags} tags of ${name}`)
    url = nextPage(response)
  }
  return [...tags]
}
