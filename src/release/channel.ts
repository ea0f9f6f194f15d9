import { isMirrorError, MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { HttpResponse } from '../http/message.ts'
import { isRedirect, redirectUrl } from '../http/redirect.ts'
import { isJsonObject, parseJsonObject } from '../oci/json-object.ts'
import { nearestFirst } from '../oci/nearest.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import { fetchFile, unexpectedStatus, type FetchOptions, type ListFetchOptions } from './fetch-file.ts'
import { channelUrlOf, defaultChannelUrl } from './release-files.ts'
import { formatVersion, readVersion } from './version.ts'

const maxHops = 5

function unreadable(url: URL, what: string): MirrorError {
  return new MirrorError('PROTOCOL', `${redactUrl(url)} is not a K3s channel server: ${what}`, {
    hint: 'check options.channelUrl, or pass a release tag such as v1.37.1+k3s1 instead of the channel',
  })
}

/** The last path segment of a URL, decoded; an undecodable one as it is. */
export function lastSegment(url: URL): string {
  const segment = url.pathname.split('/').findLast((text) => text !== '') ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** The tag in the spelling of K3s; undefined if the text is not a release tag. */
function asTag(text: string): string | undefined {
  const version = readVersion(text)
  return version && formatVersion(version)
}

/** The channels as the channel server lists them: https://update.k3s.io/v1-release/channels */
function readChannels(response: HttpResponse) {
  const { data } = (response.status === 200 && parseJsonObject(new TextDecoder().decode(response.body))) || {}
  if (!Array.isArray(data)) return undefined
  return data.filter(isJsonObject).flatMap(({ name, latest }) => {
    return typeof name === 'string' ? [{ name, latest: typeof latest === 'string' ? latest : undefined }] : []
  })
}

/** Asks for the collection of all channels, where the channel itself did not answer with a redirect. */
async function lookUp(client: HttpClient, name: string, answer: HttpResponse, url: URL, request: FetchOptions): Promise<string> {
  const collection = await fetchFile(client, url, { ...request, headers: { accept: 'application/json' } }).catch((error: unknown) => {
    // The channel is unknown already; only the names of the others are missing.
    if (answer.status === 404 && isMirrorError(error)) return undefined
    throw error
  })
  const channels = collection && readChannels(collection)
  const notFound = (hint?: string): MirrorError =>
    new MirrorError('CHANNEL_NOT_FOUND', `channel "${name}" not found at ${redactUrl(url)}`, { hint })
  if (channels === undefined) {
    if (answer.status === 404) throw notFound('pass stable, latest, testing, or a minor version such as v1.36')
    const isPage = answer.status === 200 || answer.status === 405
    throw isPage ? unreadable(url, 'the list of channels is missing') : unexpectedStatus(answer.url, answer.status)
  }
  const channel = channels.find((candidate) => candidate.name === name)
  if (channel === undefined) {
    const names = channels.map((candidate) => foreignText(candidate.name).slice(0, 40))
    const known = nearestFirst(name, names).slice(0, 8)
    throw notFound(known.length === 0 ? undefined : `pass one of the known channels: ${known.join(', ')}`)
  }
  if (channel.latest === undefined) throw new MirrorError('CHANNEL_NOT_FOUND', `the channel "${name}" has no release`)
  const tag = asTag(channel.latest)
  if (tag === undefined) throw unreadable(url, `the channel "${name}" points to "${foreignText(channel.latest).slice(0, 100)}"`)
  return tag
}

/** The release tag that a channel redirects to, or that the list of channels names for it; throws CHANNEL_NOT_FOUND with the nearest known names. */
export async function resolveChannel(client: HttpClient, name: string, options: ListFetchOptions = {}): Promise<string> {
  const { channelUrl = defaultChannelUrl, retry, signal } = options
  let url = channelUrlOf(channelUrl, name)
  for (let hop = 0; hop < maxHops; hop++) {
    const answer = await fetchFile(client, url, { retry, signal, redirects: 0 })
    if (!isRedirect(answer.status, 'GET')) return lookUp(client, name, answer, channelUrlOf(channelUrl), { retry, signal })
    const next = redirectUrl(answer)
    const last = lastSegment(next)
    const tag = asTag(last)
    if (tag !== undefined) return tag
    // The channel server itself may have moved, for example to https.
    if (last !== name) throw unreadable(url, `it redirects to ${foreignText(redactUrl(next)).slice(0, 200)}, which is not a release`)
    url = next
  }
  throw unreadable(url, 'it redirects in a loop')
}
