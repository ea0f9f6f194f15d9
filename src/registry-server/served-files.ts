import type { IncomingMessage } from 'node:http'
import type { Content } from '../async/content.ts'
import type { KitFile } from '../bundle/bundle-record.ts'
import { channelsOf } from '../kit/releases.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import { contentReply } from './blobs.ts'
import { Refusal, type Reply } from './reply.ts'

/** Files that a server offers next to its images, at their paths below its address. */
export interface ServedFiles {
  /** The files at this moment, in the order of their paths. */
  list(): Promise<readonly KitFile[]>
  /** A file or some of its bytes; undefined where it is missing. INTEGRITY replaces the last chunk of a damaged one. */
  read(file: KitFile, range?: BlobRange): Promise<Content | undefined>
}

/** Where nodes find the CA certificate. */
export const caPath = '/ca.crt'

/** Where K3s' installer looks for channels: https://docs.k3s.io/reference/env-variables */
const channelPrefix = '/channels/'

const textTypes: ReadonlySet<string> = new Set(['txt', 'md', 'sh', 'SHA256SUMS'])
const plainText = 'text/plain; charset=utf-8'

function typeOf(path: string): string {
  return textTypes.has(path.replace(/^.*[./]/, '')) ? plainText : 'application/octet-stream'
}

function textReply(body: string): Reply {
  return { status: 200, headers: { 'content-type': plainText, 'cache-control': 'no-cache' }, body }
}

function absent(): Refusal {
  return new Refusal(404, { code: 'NAME_UNKNOWN', message: 'there is no such file' })
}

/** The path below the address, with `+` for `%2B`; undefined where it is not encoded correctly. */
function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** The release of a channel. Its tag is the last segment of the Location, from which the installer takes it, and the system-upgrade-controller too. */
function channelReply(channels: ReadonlyMap<string, string>, name: string): Reply {
  const tag = channels.get(name)
  if (tag === undefined) throw new Refusal(404, { code: 'NAME_UNKNOWN', message: 'there is no release of this channel' })
  return { status: 302, headers: { location: `/k3s/${tag}`, 'cache-control': 'no-cache' } }
}

/** The reply to GET and HEAD of a file, of a directory as a list of its files, of a channel and of the CA certificate; undefined for every other path. */
export async function fileReply(
  served: ServedFiles,
  request: IncomingMessage,
  { path, caCertificate }: { readonly path: string; readonly caCertificate: string | undefined },
): Promise<Reply | undefined> {
  const decoded = decodedPath(path)
  if (decoded === undefined) return undefined
  const files = await served.list()
  const name = decoded.replace(/^\//, '').replace(/\/$/, '')
  const file = files.find((one) => one.path === name)
  const below = file === undefined && name !== '' ? files.filter((one) => one.path.startsWith(`${name}/`)) : []
  const ca = decoded === caPath ? caCertificate : undefined
  const isChannel = decoded.startsWith(channelPrefix)
  if (file === undefined && below.length === 0 && ca === undefined && !isChannel) return undefined
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Refusal(405, { code: 'UNSUPPORTED', message: 'files are read-only' }, { allow: 'GET, HEAD' })
  if (isChannel) return channelReply(channelsOf(files), decoded.slice(channelPrefix.length))
  if (ca !== undefined) return textReply(ca)
  if (file === undefined) return textReply(below.map((one) => `${one.path.slice(name.length + 1)}\n`).join(''))
  const { digest, size } = file
  const reply = await contentReply(request, {
    digest,
    size,
    type: typeOf(file.path),
    absent: absent(),
    read: (range) => served.read(file, range),
  })
  return { ...reply, headers: { ...reply.headers, 'cache-control': 'no-cache' } }
}
