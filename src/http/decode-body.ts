import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { MirrorError } from '../errors.ts'
import type { ResponseHeaders } from './message.ts'
import { WireError } from './wire-error.ts'

/** The failure of an answer that is longer than `most` bytes. */
export function tooLong(most: number): WireError {
  return new WireError('PROTOCOL', `the answer is longer than the ${most} bytes that one of its kind may have`)
}

/** What undoes an encoding: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
const decoders: Readonly<Record<string, (bytes: Uint8Array, options: zlib.ZlibOptions & zlib.BrotliOptions) => Promise<Buffer>>> = {
  gzip: promisify(zlib.gunzip),
  'x-gzip': promisify(zlib.gunzip),
  deflate: promisify(zlib.inflate),
  br: promisify(zlib.brotliDecompress),
}

/**
 * A body without its Content-Encoding: some servers compress what nobody asked them to. What is not in that encoding, or in one that is unknown, stays as
 * it is: storages keep such a label from an upload. Throws PROTOCOL for a body that becomes longer than `most` bytes.
 */
export async function decodeBody(
  body: Uint8Array,
  { url, headers }: { readonly url: URL; readonly headers: ResponseHeaders },
  most: number,
): Promise<Uint8Array> {
  const decode = decoders[headers.all('content-encoding').join(',').trim().toLowerCase()]
  if (decode === undefined || body.length === 0) return body
  try {
    return await decode(body, { maxOutputLength: most })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return body
    throw new MirrorError('PROTOCOL', `no answer from ${url.origin}: ${tooLong(most).message}`, { cause })
  }
}
