import { isMirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { isRedirect, redirectUrl } from '../http/redirect.ts'
import { manifestImages, type ManifestImage } from '../kubernetes/manifest-images.ts'
import { upgradeTag } from '../kubernetes/upgrade-tag.ts'
import { formatReference, isTag, type Reference } from '../oci/reference.ts'
import { redactUrl } from '../text/redact.ts'
import { lastSegment } from './channel.ts'
import { fetchFile, unexpectedStatus, type ListFetchOptions } from './fetch-file.ts'
import { listSha256Of, type CheckedList } from './fetch-release-list.ts'
import { decodeList, refuseList } from './list-text.ts'
import type { FileKind } from './read-list-file.ts'
import { readListSource, type ListSourceOptions } from './read-list-source.ts'
import { channelUrlOf, defaultChannelUrl, parseUrl } from './release-files.ts'

const maxHops = 5

/** The address to ask for a channel; that of K3s' own server follows `options.channelUrl`. */
function channelAddress(channel: string, { channelUrl }: ListFetchOptions): URL {
  const name = channel.startsWith(`${defaultChannelUrl}/`) ? channel.slice(defaultChannelUrl.length + 1) : ''
  return channelUrl !== undefined && name !== '' ? channelUrlOf(channelUrl, name) : parseUrl(channel, 'the channel of the Plan')
}

/** The tag that the system upgrade controller would use for a channel: the last part of the address that it redirects to, or of its own. https://github.com/rancher/system-upgrade-controller/blob/v0.14.0/pkg/upgrade/plan/plan.go */
async function channelTag(client: HttpClient, channel: string, options: ListFetchOptions): Promise<string> {
  const { retry, signal } = options
  let url = channelAddress(channel, options)
  const name = lastSegment(url)
  for (let hop = 0; hop < maxHops; hop++) {
    const answer = await fetchFile(client, url, { retry, signal, redirects: 0 })
    const isMoved = isRedirect(answer.status, 'GET')
    if (!isMoved && answer.status !== 200) throw unexpectedStatus(url, answer.status)
    url = isMoved ? redirectUrl(answer) : url
    const tag = upgradeTag(lastSegment(url))
    // The server itself may have moved, for example to https.
    if (isMoved && lastSegment(url) === name) continue
    if (!isTag(tag)) break
    return tag
  }
  refuseList(redactUrl(url), 'the channel of the Plan leads to no version')
}

/** The images of a Kubernetes manifest, by path, URL or `-`, with the tags that channels of Plans have now. Throws INVALID_LIST, INVALID_REFERENCE, LIST_UNAVAILABLE, and USAGE. */
export async function readManifest(
  client: HttpClient,
  given: string,
  options: Omit<ListSourceOptions, keyof FileKind>,
): Promise<CheckedList> {
  const noun = 'a Kubernetes manifest'
  const [name, bytes] = await readListSource(client, given, { ...options, option: 'options.manifests', noun })
  const { images: found, warnings } = manifestImages(decodeList(bytes, name, noun), name)
  if (found.length === 0) {
    refuseList(name, 'the manifest names no images', 'pass rendered manifests: helm template and kustomize build print them')
  }
  const tags = new Map<string, Promise<string>>()
  const tagOf = (channel: string): Promise<string> => {
    const tag = tags.get(channel) ?? channelTag(client, channel, options)
    tags.set(channel, tag)
    return tag
  }
  const tagged = async ({ reference, channel, line }: ManifestImage): Promise<Reference> => {
    if (channel === undefined) return reference
    try {
      return { ...reference, tag: await tagOf(channel) }
    } catch (error) {
      if (!isMirrorError(error)) throw error
      throw error.with({ message: `${name}:${line}: ${error.message}`, cause: error })
    }
  }
  const named = await Promise.all(found.map(tagged))
  const images = [...new Map(named.map((image) => [formatReference(image), image])).values()]
  const sha256 = listSha256Of(bytes)
  return { images, warnings, list: { name, sha256, coverage: 'none', kind: 'manifest', images: images.length } }
}
