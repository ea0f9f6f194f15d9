import { MirrorError, isMirrorError, type ErrorCode } from '../errors.ts'
import { foreignText } from '../text/printable.ts'
import { formatProxy, type Proxy } from './proxy.ts'

/** What a connection itself found wrong, before it is known what for and with whom it was used. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly kind: Extract<ErrorCode, 'PROTOCOL' | 'TIMEOUT' | 'CONNECTION_LOST'>
  /** How long the client waited without success, in milliseconds. */
  readonly waited: number
  /** True where no byte of an answer came. */
  readonly isUnanswered: boolean

  constructor(
    kind: WireError['kind'],
    message: string,
    { waited = 0, isUnanswered = false }: { readonly waited?: number; readonly isUnanswered?: boolean } = {},
  ) {
    super(message)
    this.kind = kind
    this.waited = waited
    this.isUnanswered = isUnanswered
  }
}

/** What to do about a host that cannot be reached. */
export const wayHint = 'check the host name, the port, and whether a proxy is needed (HTTPS_PROXY, HTTP_PROXY)'
const patience = 'check the server and the network, or raise options.timeout'

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name could not be looked up',
  ENETUNREACH: 'the network is unreachable',
  EHOSTUNREACH: 'the host is unreachable',
}
const lost = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  // a bit that flipped on the way, under TLS
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC',
])

/** Codes of OpenSSL and of its certificate checks; EPROTO is how Node reports a failed handshake. */
const tlsCode =
  /^(?:EPROTO$|UNSPECIFIED$|SUBJECT_ISSUER_MISMATCH$|AKID_|CA_|ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|ERROR_IN_C|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH)/

/** What each failure of TLS means, and what to do about it: the first whose pattern matches the code, which stands for `$`, as what the error says stands for `%`. */
const tlsFailures: readonly (readonly [codes: RegExp, what: string, hint: string])[] = [
  [
    /^(?:ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/,
    'the server does not use TLS',
    'write http:// before the host if it serves plain HTTP',
  ],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired', 'renew the certificate of the server'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet', 'check the clocks of this machine and of the server'],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/, 'it supports only TLS older than 1.2', 'enable TLS 1.2 or later on the server'],
  [/^(?:UNSPECIFIED|CERT_REJECTED)$/, 'its certificate was refused%', 'issue the certificate again: old ones may be signed with SHA-1'],
  [
    /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/,
    'its certificate is not signed by a trusted authority ($)',
    'configure the full certificate chain on the server, or add the intermediate certificates to the ca_file',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'its certificate is for another name%',
    'use a host name from the certificate, or renew the certificate with this name',
  ],
  [
    /SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_UNTRUSTED|INVALID_CA/,
    'its certificate is not signed by a trusted authority ($)',
    "add the CA to the system's trust store, or set SSL_CERT_FILE, or configs.<host>.tls.ca_file in the file of options.registries",
  ],
  [
    /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|CERTIFICATE_)|CERTIFICATE_REQUIRED/,
    'it requires a client certificate, or rejects ours ($)',
    'set configs.<host>.tls.cert_file and key_file in the file of options.registries',
  ],
  [/./, 'the TLS handshake failed ($)', 'check configs.<host>.tls in the file of options.registries'],
]

interface Classified {
  readonly code: ErrorCode
  readonly what: string
  readonly hint?: string
}

/** The names in the server's certificate, or why it was refused, for a message; empty where Node does not report it. */
function detailOf(code: string, error: unknown): string {
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return error instanceof Error ? ` (${foreignText(error.message).slice(0, 200)})` : ''
  const { subjectaltname, subject } = ((error as { cert?: unknown }).cert ?? {}) as { subjectaltname?: unknown; subject?: { CN?: unknown } }
  const names = typeof subjectaltname === 'string' ? subjectaltname.replace(/(?:DNS|IP Address):/g, '') : subject?.CN
  return typeof names === 'string' && names !== '' ? `, ${foreignText(names).slice(0, 200)}` : ''
}

/** The code of an error, or of the first of several that one connect attempt per address gave. */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: unknown }
  if (Array.isArray(errors) && errors.length > 0) return codeOf(errors[0])
  return typeof code === 'string' ? code : ''
}

function classify(error: unknown): Classified {
  if (error instanceof WireError) return { code: error.kind, what: error.message, ...(error.kind === 'TIMEOUT' && { hint: patience }) }
  const code = codeOf(error)
  if (code === 'ETIMEDOUT') return { code: 'TIMEOUT', what: 'timed out', hint: patience }
  const why = unreachable[code]
  if (why !== undefined) return { code: 'UNREACHABLE', what: why, hint: wayHint }
  if (lost.has(code)) return { code: 'CONNECTION_LOST', what: 'the connection broke' }
  const [, what = '', hint = ''] = (tlsCode.test(code) && tlsFailures.find(([codes]) => codes.test(code))) || []
  if (what !== '') return { code: 'TLS', what: what.replace('$', () => code).replace('%', () => detailOf(code, error)), hint }
  return { code: 'CONNECTION_LOST', what: code === '' ? 'the connection failed' : `the connection failed (${code})` }
}

/** The MirrorError for a proxy that answered CONNECT with something else than 200, or any request with 407. */
export function proxyError({ origin, hostname }: URL, proxy: Proxy, status: number): MirrorError {
  const { variable } = proxy
  const refuse = (code: ErrorCode, why: string, hint: string): MirrorError =>
    new MirrorError(code, `cannot reach ${origin}: ${formatProxy(proxy)} ${why}`, { hint })
  if (status === 407)
    return refuse('UNAUTHORIZED', 'requires credentials (407)', `set ${variable} to http://<user>:<password>@<host>:<port>`)
  // A web server has no such method, or takes the host and port for a path.
  if (notProxies.has(status)) {
    return refuse(
      'PROTOCOL',
      `does not accept CONNECT (${status})`,
      `check that ${variable} names a proxy, or list ${hostname} in NO_PROXY`,
    )
  }
  return refuse(
    status >= 500 ? 'UNAVAILABLE' : 'DENIED',
    `refused the connection (${status})`,
    `allow this host and port at the proxy (many allow only port 443), or list ${hostname} in NO_PROXY`,
  )
}

/** Statuses with which ordinary web servers answer CONNECT. */
const notProxies = new Set([400, 404, 405, 501])

/** What many servers do with plain HTTP at a port for TLS. */
function isClosedToHttp(origin: string, error: unknown): boolean {
  return origin.startsWith('http:') && error instanceof WireError && error.isUnanswered
}

/** The MirrorError for a failed request to `origin`; an abort and a MirrorError are passed on as they are. `way` is the hint where that is a proxy. */
export function networkError(origin: string, error: unknown, signal?: AbortSignal, way?: string): unknown {
  if (signal?.aborted) return signal.reason
  if (isMirrorError(error)) return error
  const { code, what, hint } = classify(error)
  const isConnecting = code === 'UNREACHABLE' || code === 'TLS'
  return new MirrorError(code, `${isConnecting ? `cannot connect to ${origin}` : `request to ${origin} failed`}: ${what}`, {
    hint:
      code === 'TLS'
        ? hint
        : (way ?? hint ?? (isClosedToHttp(origin, error) ? 'write https:// before the host if it expects TLS' : undefined)),
    reason: what,
    origin,
    cause: error,
  })
}
