import { MirrorError, type ErrorCode } from '../errors.ts'
import type { ResponseHeaders } from '../http/message.ts'
import { printable } from '../http/redact.ts'
import { parseRetryAfter } from '../http/retry-after.ts'

/** The parts of an answer that an error is made of. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly url: URL
  readonly body: Uint8Array
}

/** One entry of an error body: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
interface RegistryErrorEntry {
  readonly code: string
  readonly message: string
  /** Digests that its `detail` names, whatever shape that has. */
  readonly digests: readonly string[]
}

/** The cause of a MirrorError that a registry's answer made: its status, its own error codes, and the digests that it named. */
export class RegistryAnswer extends Error {
  override readonly name = 'RegistryAnswer'
  readonly status: number
  readonly codes: readonly string[]
  readonly digests: readonly string[]

  constructor(status: number, codes: readonly string[], digests: readonly string[] = []) {
    super(`status ${status}${codes.length > 0 ? ` ${codes.join(' ')}` : ''}`)
    this.status = status
    this.codes = codes
    this.digests = digests
  }
}

/** The registry's answer behind an error, if it was one. */
export function registryAnswer(error: unknown): RegistryAnswer | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown }
  return cause instanceof RegistryAnswer ? cause : undefined
}

const maxShownBody = 300

function parseBody(body: Uint8Array): { readonly entries: readonly RegistryErrorEntry[]; readonly text: string } {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 64 * 1024)).toString('utf8')
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    if (!Array.isArray(errors)) return { entries: [], text: '' }
    const entries = errors.map((entry: unknown) => {
      const { code, message, detail } = (entry ?? {}) as { code?: unknown; message?: unknown; detail?: unknown }
      const digests = (JSON.stringify(detail) ?? '').match(/sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}/g) ?? []
      return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? printable(message) : '', digests }
    })
    return { entries, text: '' }
  } catch {
    return { entries: [], text: /<html|<!doctype/i.test(text) ? '' : printable(text).slice(0, maxShownBody) }
  }
}

const temporaryStatuses = new Set([408, 425, 499, 500, 502, 503, 504, 522])
const newSessionCodes = new Set(['BLOB_UPLOAD_INVALID', 'BLOB_UPLOAD_UNKNOWN'])

function classify(status: number, codes: readonly string[]): ErrorCode {
  if (status === 429 || codes.includes('TOOMANYREQUESTS')) return 'THROTTLED'
  if (codes.some((code) => newSessionCodes.has(code))) return 'UNAVAILABLE'
  const isAboutParts = codes.some((code) => code.endsWith('_UNKNOWN'))
  if (!isAboutParts && (codes.includes('DIGEST_INVALID') || codes.includes('SIZE_INVALID'))) return 'INTEGRITY'
  if (temporaryStatuses.has(status)) return 'UNAVAILABLE'
  if (status === 401) return 'UNAUTHORIZED'
  if (status === 403 || status === 412 || status === 413 || status === 507) return 'DENIED'
  if (status === 404) return 'NOT_FOUND'
  if (status === 405 || status === 415 || status === 501 || codes.includes('UNSUPPORTED')) return 'UNSUPPORTED'
  return codes.includes('DENIED') ? 'DENIED' : 'PROTOCOL'
}

function hintFor(code: ErrorCode, { status, url }: ErrorAnswer, message: string): string | undefined {
  if (code === 'THROTTLED' && /pull rate limit/i.test(message)) {
    return 'Docker Hub counts pulls per six hours: log in to get more, wait, or read from another copy with --from docker.io=<endpoint>.'
  }
  if (code === 'DENIED' && status === 413) return `A proxy in front of ${url.host} limits the size of uploads; raise its limit.`
  if (code === 'DENIED')
    return `Check what the user may do at ${url.host}, its quota, and whether the project exists and tags may be overwritten.`
  if (code === 'NOT_FOUND' && url.pathname.includes('/blobs/uploads'))
    return `Some registries need the project or repository to be created first; check it at ${url.host}.`
  if (code === 'PROTOCOL' && status === 400 && url.protocol === 'http:') return `Write https:// where ${url.host} expects TLS.`
  if (code === 'UNSUPPORTED' && status === 405) return `${url.host} does not take this request: is it read-only, or a pull-through cache?`
  return undefined
}

/** What Go's servers and nginx say to plain HTTP at a port for TLS. */
function expectsTls({ status, url, body }: ErrorAnswer): boolean {
  return status === 400 && url.protocol === 'http:' && /HTTPS (?:server|port)/i.test(Buffer.from(body).toString('latin1'))
}

/** The MirrorError for an answer that is not the wanted one; `what` says what was tried, as in `read docker.io/rancher/x:1`. */
export function registryError(what: string, answer: ErrorAnswer): MirrorError {
  const { status, headers, url } = answer
  const { entries, text } = parseBody(answer.body)
  const codes = entries.map((entry) => entry.code).filter((code) => /^[A-Z_]{1,64}$/.test(code))
  const sentences = new Set(entries.map((entry) => [entry.code, entry.message].filter(Boolean).join(': ')))
  const said = [...sentences].join('; ') || text
  const code = classify(status, codes)
  const why = expectsTls(answer) ? 'it expects TLS, so write https://' : printable(said).slice(0, maxShownBody)
  const message = `cannot ${what}: ${url.host} answered ${status}${why === '' ? '' : ` (${why})`}`
  return new MirrorError(code, message, {
    hint: hintFor(code, answer, said),
    retryAfter: code === 'THROTTLED' || code === 'UNAVAILABLE' ? parseRetryAfter(headers.get('retry-after')) : undefined,
    cause: new RegistryAnswer(
      status,
      codes,
      entries.flatMap((entry) => entry.digests),
    ),
  })
}
