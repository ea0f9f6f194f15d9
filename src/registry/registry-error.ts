import { cannot, type Attempt, type ErrorCode, type MirrorError } from '../errors.ts'
import { parseRetryAfter, type HttpMethod, type ResponseHeaders } from '../http/message.ts'
import { foreignText, withoutImage } from '../text/printable.ts'
import { parseErrorBody, type ErrorReason } from './error-reason.ts'
import { storageLimit, type StorageLimit } from './storage-limit.ts'

/** What of an answer an error is made of. */
export interface ErrorAnswer {
  readonly method: HttpMethod
  /** What was asked, where a redirect led elsewhere. */
  readonly asked?: URL | undefined
  /** True where the body must not be shown. */
  readonly isSecret?: boolean | undefined
  readonly status: number
  readonly headers: ResponseHeaders
  readonly url: URL
  readonly body: Uint8Array
}

/** The cause of a MirrorError that a registry's answer made: its status and its own error codes. */
export class RegistryAnswer extends Error {
  override readonly name = 'RegistryAnswer'
  readonly status: number
  readonly codes: readonly string[]

  constructor(status: number, codes: readonly string[]) {
    super(`status ${status}${codes.length > 0 ? ` ${codes.join(' ')}` : ''}`)
    this.status = status
    this.codes = codes
  }
}

/** The registry's answer behind an error, if it was one. */
export function registryAnswer(error: unknown): RegistryAnswer | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown }
  return cause instanceof RegistryAnswer ? cause : undefined
}

/** 4xx that may pass: https://developers.cloudflare.com/support/troubleshooting/http-status-codes/ has 499 and those above 520. */
const temporaryStatuses = new Set([408, 425, 499])
/** 5xx that will not. */
const finalStatuses = new Set([501, 505, 508, 511, 526])
const deniedStatuses = new Set([403, 412, 413])
const newSessionCodes = new Set(['BLOB_UPLOAD_INVALID', 'BLOB_UPLOAD_UNKNOWN'])
/** Codes of a manifest that is refused because something below it is missing. */
const missingCodes = new Set(['BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'MANIFEST_INVALID'])

/** What registries say of a tag or a blob that is there and may not be written again: ECR, GAR, Harbor, Nexus. */
const immutable = /immutab|already exists|cannot be (?:updated|overwritten)|cannot update tag|not allow (?:updating|overwriting)/i

/** True where a registry refuses to overwrite content. */
function isImmutable({ status }: ErrorAnswer, { codes, text }: ErrorReason): boolean {
  return [400, 403, 409, 412].includes(status) && (codes.includes('TAG_INVALID') || immutable.test(text))
}

function classify(answer: ErrorAnswer, reason: ErrorReason, limit: StorageLimit | undefined): ErrorCode {
  const { status, url } = answer
  const { codes } = reason
  if (status === 429 || codes.includes('TOOMANYREQUESTS')) return 'THROTTLED'
  if (limit !== undefined) return 'NO_SPACE'
  const isAboutParts = codes.some((code) => code.endsWith('_UNKNOWN'))
  if (!isAboutParts && (codes.includes('DIGEST_INVALID') || codes.includes('SIZE_INVALID'))) return 'INTEGRITY'
  if (status === 401) return 'UNAUTHORIZED'
  if (deniedStatuses.has(status) || isImmutable(answer, reason)) return 'DENIED'
  // Nexus says the same of a manifest, which no new upload helps.
  if (codes.some((code) => newSessionCodes.has(code)) && !url.pathname.includes('/manifests/')) return 'UNAVAILABLE'
  if (temporaryStatuses.has(status) || (status >= 500 && !finalStatuses.has(status))) return 'UNAVAILABLE'
  if (status === 404) return 'NOT_FOUND'
  if (status === 405 || status === 415 || status === 501 || codes.includes('UNSUPPORTED')) return 'UNSUPPORTED'
  return codes.includes('DENIED') ? 'DENIED' : 'PROTOCOL'
}

function hintFor(code: ErrorCode, answer: ErrorAnswer, reason: ErrorReason, limit: StorageLimit | undefined): string | undefined {
  const { status, url, method } = answer
  const isRead = method === 'GET' || method === 'HEAD'
  const isManifestWrite = method === 'PUT' && url.pathname.includes('/manifests/')
  const moved = movedTo(answer)
  if (code === 'UNAUTHORIZED' && answer.asked !== undefined && answer.asked.origin !== url.origin)
    return `log in at ${url.host}, and name it with options.from <registry>=${url.origin} or options.to: credentials do not follow redirects`
  if (moved !== undefined) return `name the registry by the address that it redirects to: ${moved.origin}`
  if (code === 'THROTTLED' && /pull rate limit/i.test(reason.text)) {
    return 'log in to get more pulls, wait, or read from another copy with options.from docker.io=<endpoint>: Docker Hub counts pulls per six hours'
  }
  if (limit === 'disk') return `free space at ${url.host} or run its garbage collection, then run the same command again`
  if (limit === 'quota') return `raise the storage quota at ${url.host}, or delete images there`
  if (code === 'DENIED' && status === 413) return `raise the limit on upload sizes at the proxy in front of ${url.host}`
  if (isManifestWrite && isImmutable(answer, reason)) {
    return `remove the tag at ${url.host}, which does not overwrite tags, or copy to another prefix`
  }
  if (code === 'DENIED' && isRead) return `check that you are logged in at ${url.host}, and that the user may read this repository`
  if (code === 'DENIED' && method === 'DELETE')
    return `check that the user may delete at ${url.host}, and whether a retention or immutability rule protects the tag`
  if (code === 'DENIED')
    return `check the permissions of the user at ${url.host}, and whether the project exists and allows overwriting tags`
  if (code === 'NOT_FOUND' && url.pathname.includes('/blobs/uploads'))
    return `create the project or repository at ${url.host} first: some registries require that`
  if (isManifestWrite && (status === 415 || reason.codes.includes('MANIFEST_INVALID')))
    return `update ${url.host}, which may not support OCI manifests, or use options.via docker, which pushes Docker manifests with other digests`
  if (code === 'PROTOCOL' && status === 400 && url.protocol === 'http:' && reason.text === '')
    return `write https:// if ${url.host} expects TLS`
  if (code === 'UNSUPPORTED' && method === 'DELETE')
    return `allow deletion at ${url.host}: distribution needs REGISTRY_STORAGE_DELETE_ENABLED=true, other registries a policy or a permission`
  if (code === 'UNSUPPORTED' && status === 405) return `check whether ${url.host} is read-only or a pull-through cache`
  return undefined
}

/** What Go's servers and nginx say to plain HTTP at a port for TLS. */
function expectsTls({ status, url, body }: ErrorAnswer): boolean {
  return status === 400 && url.protocol === 'http:' && /HTTPS (?:server|port)/i.test(Buffer.from(body).toString('latin1'))
}

/** The target of a redirect; undefined for another answer. */
function movedTo({ status, headers, url }: ErrorAnswer): URL | undefined {
  const location = headers.get('location')
  return status >= 300 && status < 400 && location !== undefined && URL.canParse(location, url.href) ? new URL(location, url) : undefined
}

function reasonFor(answer: ErrorAnswer, said: string): string {
  if (expectsTls(answer)) return 'it expects TLS, so write https://'
  const moved = movedTo(answer)
  if (moved === undefined) return said
  const isTls = moved.protocol === 'https:' && answer.url.protocol === 'http:' && moved.hostname === answer.url.hostname
  return `it redirects to ${foreignText(moved.origin)}${isTls ? ', so write https://' : ', which is not followed'}`
}

/** The path of the repository that a request is about; empty where it is about none. */
function repositoryOf({ pathname }: URL): string {
  return /^\/v2\/(.+)\/(?:blobs|manifests|tags)\//.exec(pathname)?.[1] ?? ''
}

/** The MirrorError for an answer that is not the wanted one. */
export function registryError(what: Attempt, answer: ErrorAnswer): MirrorError {
  const { status, headers, url } = answer
  const reason = parseErrorBody(answer.body)
  const limit = storageLimit(status, answer.method, answer.body)
  const code = classify(answer, reason, limit)
  const why = reasonFor(answer, answer.isSecret === true ? '' : reason.text)
  const elsewhere = answer.asked === undefined || answer.asked.origin === url.origin ? '' : `; ${answer.asked.host} redirected there`
  const explain = (words: string): string => `${url.host} answered ${status}${words === '' ? '' : ` (${words})`}${elsewhere}`
  const error = cannot(code, what, explain(why), {
    reason: explain(withoutImage(why, repositoryOf(answer.asked ?? url))),
    hint: hintFor(code, answer, reason, limit),
    retryAfter: code === 'THROTTLED' || code === 'UNAVAILABLE' ? parseRetryAfter(headers.get('retry-after')) : undefined,
    missing: reason.codes.some((name) => missingCodes.has(name)) ? reason.digests : undefined,
    cause: new RegistryAnswer(status, reason.codes),
  })
  // No other image can be stored either.
  return code === 'NO_SPACE' && limit === 'disk'
    ? error.with({ message: `the registry's disk is full: ${error.reason}`, subject: undefined, reason: undefined })
    : error
}
