import { getSystemErrorMap } from 'node:util'
import { maskSecrets } from './text/secrets.ts'

/** Which end of a copy an error belongs to. */
export type Side = 'source' | 'destination'

/**
 * The public error codes: listed here, never renamed, never reused.
 * `INTEGRITY` and `CHECKSUM_MISMATCH` mean that bytes were refused, `TAG_MOVED` that a tag would get other content than expected. `USAGE` and `INVALID_*` mean that nothing was started, except for `INVALID_MANIFEST`, and for
 * the `INVALID_CONFIG` of Docker's configuration, which is read when a registry asks for credentials: both may affect a single image.
 */
export const errorCodes = [
  'USAGE',
  'INVALID_REFERENCE',
  'INVALID_LIST',
  'INVALID_REWRITE',
  'INVALID_CONFIG',
  'INVALID_MANIFEST',
  'DESTINATION_COLLISION',
  'RELEASE_NOT_FOUND',
  'CHANNEL_NOT_FOUND',
  'LIST_UNAVAILABLE',
  'CHECKSUM_MISMATCH',
  'INTEGRITY',
  'TAG_MOVED',
  'NOT_FOUND',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'NO_SUCH_PLATFORM',
  'THROTTLED',
  'UNAVAILABLE',
  'UNREACHABLE',
  'CONNECTION_LOST',
  'TLS',
  'TIMEOUT',
  'PROTOCOL',
  'REFUSED_ADDRESS',
  'LAYOUT_LOCKED',
  'LOCAL_IO',
  'ENGINE_UNAVAILABLE',
  'NO_SPACE',
  'CANCELLED',
  'INTERNAL',
] as const

/** One of the public error codes. */
export type ErrorCode = (typeof errorCodes)[number]

/** What a MirrorError has in addition to its code and message. */
export interface MirrorErrorOptions {
  /** What to do about it: an imperative, such as `pass options.caFile <file>`. */
  readonly hint?: string | undefined
  /** The end of the copy that failed. */
  readonly side?: Side | undefined
  /** The underlying error. */
  readonly cause?: unknown
  /** Milliseconds that the server asked clients to wait; infinite where it is not asked again in this run. */
  readonly retryAfter?: number | undefined
  /** Present where a destination refused a manifest because something below it is missing: the digests that it named, if any. */
  readonly missing?: readonly string[] | undefined
  /** What failed, as the message names it, where it belongs to one image: the image, its repository or a blob. */
  readonly subject?: string | undefined
  /** Why, without the name of the subject or the origin, where the message does not contain that as a separate part. */
  readonly reason?: string | undefined
  /** The origin that was contacted, where its connection failed. */
  readonly origin?: string | undefined
}

/** What `MirrorError.with` changes. */
export type MirrorErrorChanges = MirrorErrorOptions & { readonly code?: ErrorCode; readonly message?: string }

/** The one error class of this package: callers match `code`; `message` states what failed, `hint` what to do. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly side: Side | undefined
  readonly retryAfter: number | undefined
  readonly missing: readonly string[] | undefined
  readonly subject: string | undefined
  readonly reason: string | undefined
  readonly origin: string | undefined

  constructor(code: ErrorCode, message: string, options: MirrorErrorOptions = {}) {
    // A message may quote a server, which may repeat the secrets of its request.
    super(maskSecrets(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint === undefined ? undefined : maskSecrets(options.hint)
    this.side = options.side
    this.retryAfter = options.retryAfter
    this.missing = options.missing
    this.subject = options.subject === undefined ? undefined : maskSecrets(options.subject)
    this.reason = options.reason === undefined ? undefined : maskSecrets(options.reason)
    this.origin = options.origin
  }

  /** A copy with other fields; where this error has no cause, it is the cause of the copy. */
  with({ code = this.code, message = this.message, ...changes }: MirrorErrorChanges): MirrorError {
    const { hint, side, retryAfter, missing, subject, reason, origin, cause = this } = this
    return new MirrorError(code, message, { hint, side, retryAfter, missing, subject, reason, origin, cause, ...changes })
  }
}

/** What was attempted, and its subject: `['read', 'docker.io/rancher/x:1']`. */
export type Attempt = readonly [doing: string, subject: string]

/** The error for a failed attempt: `cannot <doing> <subject>: <reason>`. */
export function cannot(code: ErrorCode, [doing, subject]: Attempt, reason: string, options: MirrorErrorOptions = {}): MirrorError {
  return new MirrorError(code, `cannot ${doing} ${subject}: ${reason}`, { subject, reason, ...options })
}

/** What the operating system reports, in words: `no such file or directory` for ENOENT. */
export function systemReason(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  const known = [...getSystemErrorMap().values()].find(([name]) => name === code)
  return known?.[1] ?? (typeof code === 'string' ? code : 'unknown reason')
}

/** True for a MirrorError of any copy of this package, recognised by its name and code. */
export function isMirrorError(value: unknown): value is MirrorError {
  return (
    value instanceof Error &&
    value.name === 'MirrorError' &&
    (errorCodes as readonly unknown[]).includes((value as { code?: unknown }).code)
  )
}

/** The same error with the side it happened on; an error that already names a side keeps it. */
export function onSide(side: Side, error: unknown): unknown {
  return isMirrorError(error) && error.side === undefined ? error.with({ side }) : error
}
