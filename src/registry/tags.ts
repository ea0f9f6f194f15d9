import { randomUUID } from 'node:crypto'
import { contentOf } from '../async/content.ts'
import { cannot, MirrorError } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { manifestOf } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, formatRepository, isTag, type Reference, type Repository } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import { putManifest } from './manifests.ts'
import type { RegistryTransport } from './transport.ts'
import { offerBlob } from './uploads.ts'

const maxPageBytes = 8 * 1024 * 1024
const mostPages = 1000
/** SourceRegistries cut longer pages or refuse them. */
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
  if (!URL.canParse(link, url.href)) throw new MirrorError('PROTOCOL', `${url.host} returned an invalid URL for the next page`)
  const next = new URL(link, url)
  if (next.origin !== url.origin) throw new MirrorError('REFUSED_ADDRESS', `${url.host} returned a next page on another host, ${next.host}`)
  return next
}

function readPage(response: HttpResponse, name: string): readonly string[] {
  let tags: unknown
  try {
    ;({ tags } = JSON.parse(Buffer.from(response.body).toString('utf8')) as { tags?: unknown })
  } catch (cause) {
    throw cannot('PROTOCOL', ['list the tags of', name], `${response.url.host} returned invalid JSON`, {
      cause,
    })
  }
  // Some registries have null where a repository has no tag.
  if (tags === null || tags === undefined) return []
  if (!Array.isArray(tags)) throw cannot('PROTOCOL', ['list the tags of', name], `${response.url.host} returned no list`)
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
    if (seen.has(url.href)) throw new MirrorError('PROTOCOL', `${url.host} returned a circular list of the tags of ${name}`)
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

/** Takes a tag away and leaves what it named, whose other tags a deletion by digest would take along; false where the registry does not do that. */
export async function deleteTag(transport: RegistryTransport, reference: Reference, options: CallOptions = {}): Promise<boolean> {
  const { registry, path, tag = 'latest' } = reference
  if (await isDeleted(transport, reference, tag, options)) return true
  const config = Buffer.from('{}')
  const descriptor = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(config), size: config.length }
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor,
    layers: [],
    annotations: { unique: randomUUID() },
  }
  const stand = manifestOf(Buffer.from(JSON.stringify(document)), mediaTypes.ociManifest)
  // Some registries delete only manifests, so the tag first gets a manifest of our own. It does not exist yet: this checks whether the registry deletes by digest at all.
  if (!(await isDeleted(transport, reference, stand.descriptor.digest, options))) return false
  const offered = await offerBlob(transport, reference, descriptor, { ...options, presence: 'disproved' })
  if (offered.kind === 'upload') await offered.upload.put(() => Promise.resolve(contentOf(config)), options)
  await putManifest(transport, { registry, path, tag }, stand, options)
  return isDeleted(transport, reference, stand.descriptor.digest, options)
}

/** True when there is nothing of that name any more. */
async function isDeleted(transport: RegistryTransport, reference: Reference, name: string, { signal }: CallOptions): Promise<boolean> {
  const { status } = await transport.send({
    method: 'DELETE',
    url: apiUrl(transport.endpoint, reference.path, `manifests/${name}`),
    what: ['take away the tag', formatReference(reference)],
    repository: reference.path,
    expect: [200, 202, 204, 400, 404, 405],
    signal,
  })
  return status !== 400 && status !== 405
}
