import type { Content } from '../async/content.ts'
import { cannot, type Attempt } from '../errors.ts'
import type { StreamedAnswer } from '../http/send-request.ts'
import { parseContentRange } from '../oci/content-range.ts'
import { isWebPage } from './ask-by-head.ts'

/** Which bytes of something of a known size are wanted. */
export interface RangedDownload {
  /** Bytes of the whole. */
  readonly size: number
  /** The first byte that is wanted. */
  readonly offset: number
  readonly what: Attempt
  /** What has declared the size, for messages: `the manifest`. */
  readonly declaredBy: string
  /** Called when the content was read or cancelled. */
  readonly release: () => void
}

/** Sends the request, with these headers in addition, and returns an answer with one of the expected statuses. */
export type OpenRange = (expect: readonly number[], range: Readonly<Record<string, string>>) => Promise<StreamedAnswer>

/** Encodings that change the bytes; what else stands in Content-Encoding is a label that storages keep of an upload. */
const encodings = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'compress'])

/** Bytes to skip because the server sent everything from its start. Throws INTEGRITY for a length that cannot be right. */
function surplus(download: StreamedAnswer, { size, offset, what, declaredBy }: RangedDownload): number {
  const { headers, length, url } = download
  const from = download.status === 206 ? offset : 0
  if (length === size - from) return offset - from
  const encoding = (headers.get('content-encoding') ?? '').trim().toLowerCase()
  if (encodings.has(encoding)) {
    throw cannot('PROTOCOL', what, `${url.host} returned it with the unrequested encoding ${encoding}`)
  }
  if (isWebPage(headers)) {
    throw cannot('PROTOCOL', what, `${url.host} returned a web page`, {
      hint: 'check for a proxy, a login page or a captive portal in between',
    })
  }
  if (length === undefined) return offset - from
  throw cannot('INTEGRITY', what, `${url.host} declares ${length} bytes, but ${declaredBy} declares ${size - from}`)
}

/** True when a partial answer holds the bytes that were asked for. */
function isAskedRange(download: StreamedAnswer, { size, offset }: RangedDownload): boolean {
  if (download.status !== 206) return true
  const range = parseContentRange(download.headers.get('content-range'))
  return range !== undefined && range.start === offset && range.end === size - 1 && (range.total === undefined || range.total === size)
}

/** A download from its byte `skip` on as content. */
function downloadContent(
  download: StreamedAnswer,
  skip: number,
  { size: whole, offset, what, declaredBy, release }: RangedDownload,
): Content {
  const { host } = download.url
  const size = whole - offset
  return {
    size,
    async read(sink) {
      let toSkip = skip
      let left = size
      try {
        await download.read((chunk) => {
          const skipped = Math.min(toSkip, chunk.length)
          toSkip -= skipped
          left -= chunk.length - skipped
          if (left < 0) throw cannot('INTEGRITY', what, `${host} sent more bytes than ${declaredBy} declares`)
          if (skipped < chunk.length) return sink(skipped === 0 ? chunk : chunk.subarray(skipped))
        })
      } finally {
        release()
      }
      if (left > 0) throw cannot('CONNECTION_LOST', what, `${host} closed the connection ${left} bytes before the end`)
    },
    cancel() {
      download.cancel()
      release()
    },
  }
}

/** Opens a download from `offset` on; bytes that a server without ranges sends again are skipped. Throws what `open` throws, PROTOCOL and INTEGRITY. */
export async function openRanged(open: OpenRange, ranged: RangedDownload): Promise<Content> {
  const { offset } = ranged
  let download: StreamedAnswer | undefined
  try {
    download = offset === 0 ? await open([200], {}) : await open([200, 206, 416], { range: `bytes=${offset}-` })
    if (download.status === 416 || !isAskedRange(download, ranged)) {
      download.cancel()
      download = await open([200], {})
    }
    return downloadContent(download, surplus(download, ranged), ranged)
  } catch (error) {
    download?.cancel()
    ranged.release()
    throw error
  }
}
