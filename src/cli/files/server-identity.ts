import { createPrivateKey, X509Certificate } from 'node:crypto'
import { MirrorError } from '../../errors.ts'
import type { ServerTls } from '../../registry-server/registry-server.ts'
import { readGiven } from './file-error.ts'

/** A server's certificate and key, read and checked. */
export interface ServerIdentity {
  readonly tls: ServerTls
  /** The DNS names of the certificate, then its addresses. */
  readonly names: readonly string[]
  readonly validTo: Date
  readonly warnings: readonly string[]
}

function refuse(message: string, hint: string, cause?: unknown): never {
  throw new MirrorError('INVALID_CONFIG', message, { hint, cause })
}

/** The first certificate of a file; every certificate of the file must be valid PEM. */
function parseCertificate(path: string, text: string): X509Certificate {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  try {
    const [first] = blocks.map((block) => new X509Certificate(block))
    if (first !== undefined) return first
  } catch (cause) {
    refuse(`the certificate in ${path} is invalid`, 'export it again as PEM', cause)
  }
  return refuse(
    `${path} has no PEM certificate`,
    'pass a file that begins with -----BEGIN CERTIFICATE-----: the certificate of the server, then its chain',
  )
}

function checkDates(path: string, { validFrom, validTo }: X509Certificate): void {
  const day = (text: string): string => new Date(text).toISOString().slice(0, 10)
  const now = Date.now()
  if (Date.parse(validTo) < now)
    refuse(`the certificate in ${path} expired on ${day(validTo)}`, 'renew it: nodes reject an expired certificate')
  if (Date.parse(validFrom) > now)
    refuse(`the certificate in ${path} is not valid before ${day(validFrom)}`, 'check the clock of this machine')
}

function checkKey(certificate: X509Certificate, certFile: string, key: string, keyFile: string): void {
  try {
    if (certificate.checkPrivateKey(createPrivateKey(key))) return
  } catch (cause) {
    const hint = 'remove the passphrase: openssl pkey -in <file> -out <new file>'
    refuse(`${keyFile} has no PEM private key, or an encrypted one`, hint, cause)
  }
  refuse(
    `the key in ${keyFile} does not match the first certificate in ${certFile}`,
    'put the certificate of the server first in its file, before its chain',
  )
}

/** The DNS names first: clients rarely use the addresses. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  const listed = (kind: string): string[] =>
    [...subjectAltName.matchAll(new RegExp(`(?:^|, )${kind}:([^,\\s"]+)`, 'g'))].flatMap(([, name]) => name ?? [])
  return [...listed('DNS'), ...listed('IP Address')]
}

/** Reads the files of `--tls-cert` and `--tls-key`; undefined without them. Throws USAGE where one is missing, LOCAL_IO and INVALID_CONFIG. */
export async function readServerIdentity(certFile: string | undefined, keyFile: string | undefined): Promise<ServerIdentity | undefined> {
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined) {
    throw new MirrorError('USAGE', certFile === undefined ? '--tls-key requires --tls-cert' : '--tls-cert requires --tls-key', {
      hint: 'pass both: the certificate of the server and its key',
    })
  }
  const cert = await readGiven('--tls-cert', certFile, 'PEM file')
  const key = await readGiven('--tls-key', keyFile, 'PEM file')
  const certificate = parseCertificate(certFile, cert.text)
  checkDates(certFile, certificate)
  checkKey(certificate, certFile, key.text, keyFile)
  const who = (key.mode & 0o007) === 0 ? 'the group of the file' : 'every user'
  const mode = (key.mode & 0o777).toString(8).padStart(4, '0')
  const warnings =
    (key.mode & 0o077) === 0 ? [] : [`the private key ${keyFile} can be read by ${who} (mode ${mode}): run chmod 600 ${keyFile}`]
  return { tls: { cert: cert.text, key: key.text }, names: namesOf(certificate), validTo: new Date(certificate.validTo), warnings }
}

/** Reads the file of `--ca-file`: certificates in PEM, without a key. Throws LOCAL_IO and INVALID_CONFIG. */
export async function readCaCertificate(path: string): Promise<string> {
  const { text } = await readGiven('--ca-file', path, 'PEM file')
  checkDates(path, parseCertificate(path, text))
  if (text.includes('PRIVATE KEY')) refuse(`${path} contains a private key, and nodes would get it`, 'pass only the certificate of the CA')
  return text
}
