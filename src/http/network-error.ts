import { MirrorError, isMirrorError, type ErrorCode } from '../errors.ts'
import { foreignText } from '../text/printable.ts'
import { WireError } from './wire-error.ts'

interface Classified {
  readonly code: ErrorCode
  readonly what: string
  readonly hint?: string
}

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

const tlsCode =
  /^(?:EPROTO$|UNSPECIFIED$|SUBJECT_ISSUER_MISMATCH$|AKID_|CA_|ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|ERROR_IN_C|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH)/

/** Codes of OpenSSL and of its certificate checks; EPROTO is how Node reports a failed handshake. */
function isTlsCode(code: string): boolean {
  return tlsCode.test(code)
}

/** The names of the certificate that was shown, for a message; empty where Node does not tell. */
function namesOf(error: unknown): string {
  const { subjectaltname, subject } = ((error as { cert?: unknown }).cert ?? {}) as { subjectaltname?: unknown; subject?: { CN?: unknown } }
  const names = typeof subjectaltname === 'string' ? subjectaltname.replace(/(?:DNS|IP Address):/g, '') : subject?.CN
  return typeof names === 'string' && names !== '' ? `, ${foreignText(names).slice(0, 200)}` : ''
}

function classifyTls(code: string, error: unknown): Classified {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO') {
    return { code: 'TLS', what: 'the server does not speak TLS', hint: 'If it serves plain HTTP, write http:// before the host.' }
  }
  if (code === 'CERT_HAS_EXPIRED') return { code: 'TLS', what: 'its certificate has expired', hint: 'Renew the certificate of the server.' }
  if (code === 'CERT_NOT_YET_VALID') {
    return { code: 'TLS', what: 'its certificate is not valid yet', hint: 'Check the clock of this machine, then that of the server.' }
  }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) {
    return { code: 'TLS', what: 'it supports only TLS older than 1.2', hint: 'Enable TLS 1.2 or later on the server.' }
  }
  if (code === 'UNSPECIFIED' || code === 'CERT_REJECTED') {
    const why = error instanceof Error ? ` (${foreignText(error.message).slice(0, 200)})` : ''
    return {
      code: 'TLS',
      what: `its certificate was refused${why}`,
      hint: 'Issue the certificate again; old ones may be signed with SHA-1.',
    }
  }
  if (code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') {
    return {
      code: 'TLS',
      what: `its certificate is not signed by a trusted authority (${code})`,
      hint: 'The server may send its certificate without the intermediate ones: configure the full chain there, or add them to the ca_file.',
    }
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      code: 'TLS',
      what: `its certificate is for another name${namesOf(error)}`,
      hint: 'Use a host name that the certificate names, or renew it with this one.',
    }
  }
  if (/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_UNTRUSTED|INVALID_CA/.test(code)) {
    return {
      code: 'TLS',
      what: `its certificate is not signed by a trusted authority (${code})`,
      hint: "Add the authority to the system's trust store, or name its file: SSL_CERT_FILE, or configs.<host>.tls.ca_file in the file given with --registries.",
    }
  }
  if (/ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|CERTIFICATE_)|CERTIFICATE_REQUIRED/.test(code)) {
    return {
      code: 'TLS',
      what: `it wants a client certificate, or does not accept ours (${code})`,
      hint: 'Name certificate and key: configs.<host>.tls.cert_file and key_file in the file given with --registries.',
    }
  }
  return {
    code: 'TLS',
    what: `the TLS handshake failed (${code})`,
    hint: 'TLS settings of a host come from the file given with --registries, configs.<host>.tls.',
  }
}

/** What to do about a host that cannot be reached. */
export const wayHint = 'Check the host name, the port, and whether a proxy is needed (HTTPS_PROXY, HTTP_PROXY).'
const patience = 'Check the server and the way to it; --timeout gives it more time.'

/** The code of an error, or of the first of several that one connect attempt per address gave. */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: unknown }
  if (Array.isArray(errors) && errors.length > 0) return codeOf(errors[0])
  return typeof code === 'string' ? code : ''
}

function classify(error: unknown): Classified {
  if (error instanceof WireError) return { code: error.kind, what: error.message, ...(error.kind === 'TIMEOUT' && { hint: patience }) }
  const code = codeOf(error)
  if (code === 'ETIMEDOUT') return { code: 'TIMEOUT', what: 'it did not answer in time', hint: patience }
  const why = unreachable[code]
  if (why !== undefined)
    return {
      code: 'UNREACHABLE',
      what: why,
      hint: wayHint,
    }
  if (lost.has(code)) return { code: 'CONNECTION_LOST', what: 'the connection broke' }
  if (isTlsCode(code)) return classifyTls(code, error)
  return { code: 'CONNECTION_LOST', what: code === '' ? 'the connection failed' : `the connection failed (${code})` }
}

function proxyRefused(status: number): Classified {
  if (status === 407)
    return {
      code: 'UNAUTHORIZED',
      what: 'the proxy wants credentials (407)',
      hint: 'Put user and password into the HTTPS_PROXY or HTTP_PROXY URL.',
    }
  const hint = 'Proxies often allow CONNECT only to port 443: ask for this port to be allowed, or list the host in NO_PROXY.'
  return { code: status >= 500 ? 'UNAVAILABLE' : 'DENIED', what: `the proxy refused the connection (${status})`, hint }
}

/** The MirrorError for a proxy that answered CONNECT with something else than 200. */
export function proxyError(origin: string, status: number): MirrorError {
  const { code, what, hint } = proxyRefused(status)
  return new MirrorError(code, `cannot reach ${origin}: ${what}`, { hint })
}

/** The MirrorError for a failed request to `origin`; an abort and a MirrorError are passed on as they are. */
export function networkError(origin: string, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason
  if (isMirrorError(error)) return error
  const { code, what, hint } = classify(error)
  const verb = code === 'UNREACHABLE' || code === 'TLS' ? 'cannot connect to' : 'no answer from'
  return new MirrorError(code, `${verb} ${origin}: ${what}`, { hint, cause: error })
}
