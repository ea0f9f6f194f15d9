import type { KitFile } from '../bundle/bundle-record.ts'
import type { FileCoverage } from '../copy/events.ts'
import { MirrorError } from '../errors.ts'
import { sha256 } from '../oci/digest.ts'

/** A file on its way into a kit: its path, digest and size, and where its bytes are. */
export interface GatheredFile extends KitFile {
  /** What its digest was compared with. */
  readonly coverage: FileCoverage
  /** The bytes of a small file; the URL or the path of a large one. */
  readonly from: Uint8Array | URL | string
}

/** Files for a kit, and sentences for the reader. */
export interface Gathered {
  readonly files: readonly GatheredFile[]
  readonly warnings: readonly string[]
}

/** A small file, whose bytes have been read. */
export function heldFile(path: string, bytes: Uint8Array, coverage: FileCoverage, release?: string): GatheredFile {
  return { path, digest: sha256(bytes), size: bytes.length, coverage, from: bytes, ...(release !== undefined && { release }) }
}

/** Where a directory or a kit has the checksums of its files. */
export const sumsFile = 'SHA256SUMS'

/** The lines of `sha256sum` for files, by the names that they have in it. */
export function formatChecksums(
  files: readonly Pick<KitFile, 'path' | 'digest'>[],
  nameOf: (path: string) => string = (path) => path,
): Buffer {
  return Buffer.from(files.map(({ path, digest }) => `${digest.slice('sha256:'.length)}  ${nameOf(path)}\n`).join(''))
}

/** The error for a file of a kit that does not match its checksum; `name` is where it was read. */
export function mismatch(name: string, why: string): MirrorError {
  return new MirrorError('CHECKSUM_MISMATCH', `${name}: ${why}`, {
    hint: 'compare the file with the one that was published; no kit was written',
  })
}

/** A small file with the checksum that it must have, and a warning where there is no checksum; `name` is where it was read. Throws CHECKSUM_MISMATCH. */
export function checkedFile(
  path: string,
  bytes: Uint8Array,
  { sha256: expected, coverage, name }: { readonly sha256?: string | undefined; readonly coverage: FileCoverage; readonly name: string },
): Gathered {
  const actual = sha256(bytes).slice('sha256:'.length)
  if (expected === undefined)
    return { files: [heldFile(path, bytes, 'none')], warnings: [`${name} is not covered by a checksum; its sha256 is ${actual}`] }
  if (expected !== actual) throw mismatch(name, `expected the sha256 ${expected}, got ${actual}`)
  return { files: [heldFile(path, bytes, coverage)], warnings: [] }
}
