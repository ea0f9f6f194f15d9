import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { TlsSettings } from '../http/tls.ts'
import { readBoundedFile } from './read/bounded-file.ts'
import type { RegistryTls } from './registries.ts'

/** A field of `tls`, and why it is invalid. */
export interface TlsProblem {
  readonly field: 'ca_file' | 'cert_file' | 'key_file'
  readonly why: string
}

/** Largest file in bytes; a bundle of all public CAs has a fifth of it. */
const maxBytes = 1024 * 1024

/** A certificate block of a PEM file; the certificate is undefined if it is invalid. */
export interface PemCertificate {
  readonly block: string
  readonly certificate: X509Certificate | undefined
}

/** The certificates of a PEM file, in its order. */
export function pemCertificates(pem: string): readonly PemCertificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map((block) => {
    try {
      return { block, certificate: new X509Certificate(block) }
    } catch {
      return { block, certificate: undefined }
    }
  })
}

/** Reads and checks the files, with relative paths from the working directory. Returns the first problem instead, if there is one. */
export async function readTlsFiles(
  { caFile, certFile, keyFile, insecureSkipVerify }: RegistryTls,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TlsSettings | TlsProblem> {
  if (certFile !== '' && keyFile === '') return { field: 'cert_file', why: 'cert_file requires key_file' }
  if (keyFile !== '' && certFile === '') return { field: 'key_file', why: 'key_file requires cert_file' }
  const ca = caFile === '' ? undefined : await readCertificates('ca_file', caFile, signal)
  if (ca !== undefined && 'why' in ca) return ca
  const settings = { ...(ca !== undefined && { ca: ca.pem }), ...(insecureSkipVerify && { insecureSkipVerify }) }
  if (certFile === '') return settings
  const cert = await readCertificates('cert_file', certFile, signal)
  if ('why' in cert) return cert
  const key = await readPem('key_file', keyFile, signal)
  if (typeof key === 'object') return key
  return checkPair(cert.first, certFile, key, keyFile) ?? { ...settings, cert: cert.pem, key }
}

async function readPem(field: TlsProblem['field'], path: string, signal: AbortSignal | undefined): Promise<string | TlsProblem> {
  const read = await readBoundedFile(path, maxBytes, signal)
  if (typeof read === 'object') return Buffer.from(read.bytes).toString('utf8')
  const reasons: Readonly<Record<string, string>> = { 'not a file': 'is not a regular file', 'too large': 'is larger than 1 MiB' }
  return { field, why: `${path} ${reasons[read] ?? `cannot be read (${read})`}` }
}

/** Reads the blocks that Go accepts: valid ones without headers. The first one of a client must be valid. https://pkg.go.dev/crypto/x509#CertPool.AppendCertsFromPEM */
async function readCertificates(
  field: TlsProblem['field'],
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly pem: string; readonly first: X509Certificate } | TlsProblem> {
  const pem = await readPem(field, path, signal)
  if (typeof pem === 'object') return pem
  const read = pemCertificates(pem).filter(({ block }) => !block.includes(':'))
  if (read.length === 0) return { field, why: `${path} contains no PEM certificate` }
  const good = read.filter(({ certificate }) => certificate !== undefined)
  const first = (field === 'cert_file' ? read : good)[0]?.certificate
  if (first === undefined) return { field, why: `${path} contains an invalid certificate` }
  return { pem: good.map(({ block }) => block).join('\n'), first }
}

function checkPair(certificate: X509Certificate, certFile: string, key: string, keyFile: string): TlsProblem | undefined {
  if (Date.parse(certificate.validTo) < Date.now()) {
    const day = new Date(certificate.validTo).toISOString().slice(0, 10)
    return { field: 'cert_file', why: `the client certificate ${certFile} expired on ${day}` }
  }
  try {
    if (certificate.checkPrivateKey(createPrivateKey(key))) return undefined
  } catch {
    return { field: 'key_file', why: `${keyFile} contains no PEM private key, or an encrypted one` }
  }
  return { field: 'key_file', why: `${keyFile} does not match the certificate in cert_file` }
}
