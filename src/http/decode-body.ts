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
 * A body without its Content-Encoding: some servers compress what nobody asked them to. Throws PROTOCOL for an encoding that is unknown or broken,
 * and for a body that becomes longer than `most` bytes.
 */
export async function decodeBody(
  body: Uint8Array,
  { url, headers }: { readonly url: URL; readonly headers: ResponseHeaders },
  most: number,
): Promise<Uint8Array> {
  const encodings = headers
    .all('content-encoding')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase())
  const names = encodings.filter((name) => name !== '' && name !== 'identity')
  const [name] = names
  if (name === undefined || body.length === 0) return body
  const decode = names.length === 1 ? decoders[name] : undefined
  const refuse = (why: string, cause?: unknown): MirrorError =>
    new MirrorError('PROTOCOL', `no answer from ${url.origin}: ${why}`, { cause })
  if (decode === undefined) throw refuse(`its Content-Encoding "${names.join(', ').slice(0, 60)}" is not supported`)
  try {
    return await decode(body, { maxOutputLength: most })
  } catch (cause) {
    const isLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw refuse(isLong ? tooLong(most).message : `its body is not valid ${name}`, cause)
  }
}
