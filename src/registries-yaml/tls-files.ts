import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { TlsSettings } from '../http/origin-settings.ts'
import type { RegistryTls } from './registries.ts'

/** A `tls` field with what is wrong with it. */
export interface TlsProblem {
  readonly field: 'ca_file' | 'cert_file' | 'key_file'
  readonly why: string
}

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
    return await readFile(path, { encoding: 'utf8', ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    throw new TlsFieldError(field, `${path} cannot be read (${code})`)
  }
}

async function readCertificates(
  field: TlsProblem['field'],
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly pem: string; readonly certificates: readonly X509Certificate[] }> {
  const pem = await readPem(field, path, signal)
  const blocks = pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new TlsFieldError(field, `${path} holds no PEM certificate`)
  try {
    return { pem, certificates: blocks.map((block) => new X509Certificate(block)) }
  } catch {
    throw new TlsFieldError(field, `${path} holds a certificate that cannot be parsed`)
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
