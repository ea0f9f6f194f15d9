import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import type { Environment } from './proxy.ts'

/** TLS of one origin, PEM text. */
export interface TlsSettings {
  /** Authorities trusted in addition to the system's. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly insecureSkipVerify?: boolean
}

/** Where distributions keep their authorities in one file; the first that is there counts, as in Go: https://go.dev/src/crypto/x509/root_linux.go */
const files = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
/** Where they keep them as files of their own, all of which count. */
const directories = ['/etc/ssl/certs', '/etc/pki/tls/certs']

/** Bytes of a file that may hold authorities. */
const maxFileBytes = 16 * 1024 * 1024

/** Codes of a certificate whose authority is not known. */
const untrusted = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])

/** True for the failure of a handshake with a server whose certificate no trusted authority has signed. */
export function isUntrusted(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown }
  return (typeof code === 'string' && untrusted.has(code)) || (cause !== undefined && isUntrusted(cause))
}

/** Node before 22.15 cannot list its default authorities, so only the bundled ones are combined with ours. */
function defaultAuthorities(): readonly string[] {
  return certificatesOf('default') ?? tls.rootCertificates
}

function certificatesOf(type: 'default' | 'system'): readonly string[] | undefined {
  return (tls as { getCACertificates?: (type: string) => string[] }).getCACertificates?.(type)
}

/** Certificates by their content, whatever the lines of their PEM. */
function byContent(texts: readonly string[]): ReadonlyMap<string, string> {
  const found = texts.flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [])
  return new Map(found.map((pem) => [pem.replace(/-----[A-Z ]+-----|\s/g, ''), pem]))
}

/** One that cannot be read would spoil all others. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** The text of a regular file; undefined for what cannot be read, and for devices and pipes, which would never end. */
async function readText(path: string): Promise<string | undefined> {
  try {
    const facts = await stat(path)
    return facts.isFile() && facts.size <= maxFileBytes ? await readFile(path, 'latin1') : undefined
  } catch {
    return undefined
  }
}

/** The authorities of the system's trust store, PEM: those of SSL_CERT_FILE and SSL_CERT_DIR in place of its own where they are set. */
async function readSystemAuthorities(environment: Environment): Promise<readonly string[]> {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: listed } = environment
  const texts = platform() === 'linux' ? [] : [...(certificatesOf('system') ?? [])]
  for (const path of file ? [file] : files) {
    const text = await readText(path)
    if (text === undefined) continue
    texts.push(text)
    break
  }
  for (const directory of listed ? listed.split(':') : directories) {
    for (const name of await readdir(directory).catch(() => [])) texts.push((await readText(join(directory, name))) ?? '')
  }
  const known = byContent(defaultAuthorities())
  return [...byContent(texts)].flatMap(([content, pem]) => (known.has(content) || !isCertificate(pem) ? [] : [pem]))
}

/** Adds the authorities of the system's trust store to settings; undefined where all of them are trusted already. */
export type SystemTrust = (settings: TlsSettings | undefined) => Promise<TlsSettings | undefined>

/** The system's trust store, read when the first server needs it: that takes longer than a handshake. */
export function systemTrust(environment: Environment): SystemTrust {
  let authorities: Promise<readonly string[]> | undefined
  return async (settings = {}) => {
    authorities ??= readSystemAuthorities(environment)
    const more = await authorities
    return more.length === 0 ? undefined : { ...settings, ca: [settings.ca ?? '', ...more].join('\n') }
  }
}

/** Reading some 150 authorities takes 20 ms of CPU: once for all connections of an origin, not for each. */
const contexts = new WeakMap<TlsSettings, tls.SecureContext>()

function secureContext(settings: TlsSettings): tls.SecureContext {
  const { ca, cert, key } = settings
  // As in Go, and so in containerd, an authority below a root is enough.
  const trust = ca !== undefined && { ca: [...defaultAuthorities(), ca], allowPartialTrustChain: true }
  const context = contexts.get(settings) ?? tls.createSecureContext({ ...trust, cert, key })
  contexts.set(settings, context)
  return context
}

/** Settings as options of a connector; a private authority is added to the default ones, not put in their place. */
export function tlsOptions(settings: TlsSettings = {}): Pick<tls.ConnectionOptions, 'secureContext' | 'rejectUnauthorized'> {
  const { ca, cert, key, insecureSkipVerify } = settings
  return {
    ...((ca ?? cert ?? key) !== undefined && { secureContext: secureContext(settings) }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
  }
}
