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
  /** True for the private key of the certificate, in PEM. */
  fits(key: string): boolean
}

/** The facts about a file of `tls` that rules check. */
export interface InspectedFile {
  /** Why the file was not read; undefined for a file that was read. */
  readonly problem: 'missing' | 'not a file' | 'unreadable' | 'too large' | undefined
  /** Permission bits; undefined on Windows and for a file that was not read. */
  readonly mode: number | undefined
  /** Valid certificates, in the file's order. */
  readonly certificates: readonly InspectedCertificate[]
  /** Number of invalid certificate blocks. */
  readonly brokenCertificates: number
  /** `encrypted`: the private key requires a passphrase. `none`: the file has no valid private key. */
  readonly privateKey: 'usable' | 'encrypted' | 'none'
  /** The text for `fits`, which must never be printed. */
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

/** Where this machine has a file of the node. */
export type LocateFile = (path: string) => Promise<string>

/** How files are inspected; by default they are at the same path as on the node. */
export interface InspectFilesOptions {
  readonly locate?: LocateFile | undefined
  readonly signal?: AbortSignal | undefined
}

/** Inspects every file that the `tls` of a registries.yaml names by an absolute path. A relative path belongs to a directory of the node. */
export async function inspectFiles(
  { configs }: Registries,
  { locate = (path) => Promise.resolve(path), signal }: InspectFilesOptions = {},
): Promise<ReadonlyMap<string, InspectedFile>> {
  const paths = [...configs.values()].flatMap(({ tls }) => (tls === undefined ? [] : [tls.caFile, tls.certFile, tls.keyFile]))
  const files = new Map<string, InspectedFile>()
  // One after another, because a registries.yaml can name thousands of files.
  for (const path of new Set(paths)) if (isAbsolute(path)) files.set(path, await inspect(await locate(path), signal))
  return files
}
