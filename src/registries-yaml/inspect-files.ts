import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Registries } from './registries.ts'

/** A certificate of a PEM file. */
export interface InspectedCertificate {
  readonly subject: string
  readonly isAuthority: boolean
  readonly validFrom: Date
  readonly validTo: Date
  /** True where this private key, PEM, belongs to it. */
  fits(key: string): boolean
}

/** What can be said of a file that `tls` names, without its content. */
export interface InspectedFile {
  /** Why it cannot be read; undefined where it can. */
  readonly problem: 'missing' | 'not a file' | 'unreadable' | undefined
  /** Permission bits; 0 where it cannot be read. */
  readonly mode: number
  /** Undefined where a PEM block cannot be parsed as a certificate. */
  readonly certificates: readonly InspectedCertificate[] | undefined
  /** A PEM private key that needs no passphrase is in it. */
  readonly hasPrivateKey: boolean
  /** The text, for `fits`; never to be shown. */
  readonly pem: string
}

const unreadable = { mode: 0, certificates: [], hasPrivateKey: false, pem: '' }

function readCertificates(pem: string): readonly InspectedCertificate[] | undefined {
  const blocks = pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? []
  try {
    return blocks.map((block) => {
      const certificate = new X509Certificate(block)
      return {
        subject: certificate.subject.replaceAll('\n', ', '),
        isAuthority: certificate.ca,
        validFrom: new Date(certificate.validFrom),
        validTo: new Date(certificate.validTo),
        fits: (key) => certificate.checkPrivateKey(createPrivateKey(key)),
      }
    })
  } catch {
    return undefined
  }
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem)
    return true
  } catch {
    return false
  }
}

async function inspect(path: string, signal: AbortSignal | undefined): Promise<InspectedFile> {
  try {
    const { mode, ...stats } = await stat(path).then((found) => ({ mode: found.mode, isFile: found.isFile() }))
    if (!stats.isFile) return { problem: 'not a file', ...unreadable }
    const pem = await readFile(path, { encoding: 'utf8', ...(signal && { signal }) })
    return { problem: undefined, mode: mode & 0o777, certificates: readCertificates(pem), hasPrivateKey: isPrivateKey(pem), pem }
  } catch (error) {
    signal?.throwIfAborted()
    const { code } = error as NodeJS.ErrnoException
    return { problem: code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable', ...unreadable }
  }
}

/** Looks at every file that the `tls` of a registries.yaml names; relative paths are relative to the working directory. */
export async function inspectFiles(
  { configs }: Registries,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ReadonlyMap<string, InspectedFile>> {
  const paths = [...configs.values()].flatMap(({ tls }) => (tls === undefined ? [] : [tls.caFile, tls.certFile, tls.keyFile]))
  const named = [...new Set(paths)].filter((path) => path !== '')
  return new Map(await Promise.all(named.map(async (path) => [path, await inspect(path, signal)] as const)))
}
