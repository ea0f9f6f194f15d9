import { createPrivateKey, type X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { platform } from 'node:os'
import { isAbsolute } from 'node:path'
import type { Registries } from '../registries.ts'
import { pemCertificates } from '../tls-files.ts'

/** A certificate of a PEM file. */
export interface InspectedCertificate {
  readonly subject: string
  readonly validFrom: Date
  readonly validTo: Date
  /** True where this is the private key, in PEM, that belongs to it. */
  fits(key: string): boolean
}

/** What can be said of a file that `tls` names, without its content. */
export interface InspectedFile {
  /** Why it was not read; undefined where it was. */
  readonly problem: 'missing' | 'not a file' | 'unreadable' | 'too large' | undefined
  /** Permission bits; undefined where it was not read and on Windows, which has none. */
  readonly mode: number | undefined
  /** Those that can be parsed, in the file's order. */
  readonly certificates: readonly InspectedCertificate[]
  /** How many blocks that call themselves certificates cannot be parsed. */
  readonly brokenCertificates: number
  /** What there is of a PEM private key: one that can be used, one that needs a passphrase, none that can be parsed. */
  readonly privateKey: 'usable' | 'encrypted' | 'none'
  /** The text, for `fits`; never to be shown. */
  readonly pem: string
}

const maxBytes = 4 * 1024 * 1024
const notRead = { mode: undefined, certificates: [], brokenCertificates: 0, privateKey: 'none', pem: '' } as const

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function readPrivateKey(pem: string): InspectedFile['privateKey'] {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return 'none'
  try {
    createPrivateKey(pem)
    return 'usable'
  } catch {
    return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem) ? 'encrypted' : 'none'
  }
}

async function inspect(path: string, signal: AbortSignal | undefined): Promise<InspectedFile> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return { problem: 'not a file', ...notRead }
    if (stats.size > maxBytes) return { problem: 'too large', ...notRead }
    const pem = await readFile(path, { encoding: 'utf8', ...(signal && { signal }) })
    const found = pemCertificates(pem)
    const certificates = found.flatMap(({ certificate }) => certificate ?? [])
    return {
      problem: undefined,
      mode: platform() === 'win32' ? undefined : stats.mode & 0o777,
      certificates: certificates.map((certificate) => ({
        subject: certificate.subject.replaceAll('\n', ', '),
        validFrom: new Date(certificate.validFrom),
        validTo: new Date(certificate.validTo),
        fits: (key) => fits(certificate, key),
      })),
      brokenCertificates: found.length - certificates.length,
      privateKey: readPrivateKey(pem),
      pem,
    }
  } catch (error) {
    signal?.throwIfAborted()
    const { code } = error as NodeJS.ErrnoException
    return { problem: code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable', ...notRead }
  }
}

/** Looks at every file that the `tls` of a registries.yaml names absolutely, by the name that is written; relative ones are relative to a directory of the node's. */
export async function inspectFiles({ configs }: Registries, signal?: AbortSignal): Promise<ReadonlyMap<string, InspectedFile>> {
  const paths = [...configs.values()].flatMap(({ tls }) => (tls === undefined ? [] : [tls.caFile, tls.certFile, tls.keyFile]))
  const files = new Map<string, InspectedFile>()
  // One after the other: a file may name thousands.
  for (const path of new Set(paths)) if (isAbsolute(path)) files.set(path, await inspect(path, signal))
  return files
}
