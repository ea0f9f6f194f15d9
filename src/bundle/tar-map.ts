import { Header } from 'tar'

/** Bytes of a block: a header takes one, and content is filled up to whole ones. https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
export const blockBytes = 512

/** A file in a tar archive: where its content begins, and its bytes. */
export interface TarEntry {
  readonly path: string
  readonly size: number
  readonly offset: number
  /** Set for a file with mode 0755 instead of 0644, where the archive is made. */
  readonly executable?: boolean
  /** Present for a link: the path in the archive that it leads to. */
  readonly link?: string
}

/** An archive before it is written: every byte has its position. */
export interface TarMap {
  readonly entries: ReadonlyMap<string, TarEntry>
  readonly size: number
}

/** Content filled up to whole blocks. */
export function paddedSize(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes
}

/** The header of a file without time and owner; sizes from 8 GiB on as https://www.gnu.org/software/tar/manual/html_node/Extensions.html */
export function tarHeader({ path, size, executable = false }: Omit<TarEntry, 'offset'>): Buffer {
  const block = Buffer.alloc(blockBytes)
  new Header({ path, size, mode: executable ? 0o755 : 0o644, uid: 0, gid: 0, mtime: new Date(0), type: 'File' }).encode(block)
  return block
}

/** Gives files their positions, one behind the other in the order given, and two empty blocks at the end. */
export function mapTar(files: readonly Omit<TarEntry, 'offset'>[]): TarMap {
  const entries = new Map<string, TarEntry>()
  let at = 0
  for (const file of files) {
    entries.set(file.path, { ...file, offset: at + blockBytes })
    at += blockBytes + paddedSize(file.size)
  }
  return { entries, size: at + 2 * blockBytes }
}
