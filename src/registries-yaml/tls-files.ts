import { createPrivateKey, X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { TlsSettings } from '../http/origin-settings.ts'
import type { RegistryTls } from './registries.ts'

/** A `tls` field with what is wrong with it. */
export interface TlsProblem {
  readonly field: 'ca_file' | 'cert_file' | 'key_file'
  readonly why: string
}

/** Bytes of a file that are read; whole bundles of public authorities have a fifth of it. */
const maxBytes = 1024 * 1024

class TlsFieldError extends Error {
  readonly problem: TlsProblem

  constructor(field: TlsProblem['field'], why: string) {
    super(why)
    this.problem = { field, why }
  }
}

/** Reads and checks the files, relative paths from the working directory; the problem of the first one that cannot be used instead. */
export async function readTlsFiles(
  fields: RegistryTls,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TlsSettings | TlsProblem> {
  const { caFile, certFile, keyFile, insecureSkipVerify } = fields
  try {
    if (certFile !== '' && keyFile === '') throw new TlsFieldError('cert_file', 'there is a cert_file but no key_file')
    if (keyFile !== '' && certFile === '') throw new TlsFieldError('key_file', 'there is a key_file but no cert_file')
    const ca = caFile === '' ? undefined : await readCertificates('ca_file', caFile, options.signal)
    const cert = certFile === '' ? undefined : await readCertificates('cert_file', certFile, options.signal)
    const key = keyFile === '' ? undefined : await readPem('key_file', keyFile, options.signal)
    if (cert !== undefined && key !== undefined) checkPair(cert.certificates, certFile, key, keyFile)
    return {
      ...(ca !== undefined && { ca: ca.pem }),
      ...(cert !== undefined && { cert: cert.pem }),
      ...(key !== undefined && { key }),
      ...(insecureSkipVerify && { insecureSkipVerify }),
    }
  } catch (error) {
    if (error instanceof TlsFieldError) return error.problem
    throw error
  }
}

async function readPem(field: TlsProblem['field'], path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    // without O_NONBLOCK a named pipe that nobody writes to would block a thread that no signal ends
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stat = await file.stat()
    if (!stat.isFile()) throw new TlsFieldError(field, `${path} is not a file`)
    if (stat.size > maxBytes) throw new TlsFieldError(field, `${path} is larger than 1 MiB`)
    return await file.readFile({ encoding: 'utf8', ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof TlsFieldError) throw error
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    throw new TlsFieldError(field, `${path} cannot be read (${code})`)
  }
}

interface ReadCertificate {
  readonly block: string
  /** Undefined where it cannot be parsed. */
  readonly certificate: X509Certificate | undefined
}

function parseCertificate(block: string): ReadCertificate {
  try {
    return { block, certificate: new X509Certificate(block) }
  } catch {
    return { block, certificate: undefined }
  }
}

/**
 * What Go takes of a file: blocks of this one type, and of those what can be parsed, as long as there is one. The first of a client's is
 * its own and has to be right. https://pkg.go.dev/crypto/x509#CertPool.AppendCertsFromPEM
 */
async function readCertificates(
  field: TlsProblem['field'],
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly pem: string; readonly certificates: readonly X509Certificate[] }> {
  const pem = await readPem(field, path, signal)
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-:]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new TlsFieldError(field, `${path} holds no PEM certificate`)
  const read = blocks.map(parseCertificate)
  const good = read.filter(({ certificate }) => certificate !== undefined)
  if (good.length === 0 || (field === 'cert_file' && read[0]?.certificate === undefined))
    throw new TlsFieldError(field, `${path} holds a certificate that cannot be parsed`)
  return {
    pem: good.map(({ block }) => block).join('\n'),
    certificates: good.flatMap(({ certificate }) => certificate ?? []),
  }
}

function checkPair(certificates: readonly X509Certificate[], certFile: string, key: string, keyFile: string): void {
  const [certificate] = certificates
  if (certificate === undefined) return
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new TlsFieldError(
      'cert_file',
      `the client certificate ${certFile} expired on ${new Date(certificate.validTo).toISOString().slice(0, 10)}`,
    )
  }
  let matches: boolean
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    throw new TlsFieldError('key_file', `${keyFile} holds no PEM private key that can be used without a passphrase`)
  }
  if (!matches) throw new TlsFieldError('key_file', `${keyFile} is not the key of the certificate in cert_file`)
}
