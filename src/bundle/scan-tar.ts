import { Header, Pax } from 'tar'
import { MirrorError } from '../errors.ts'
import type { ArchiveBytes } from './archive-bytes.ts'
import { blockBytes, paddedSize, type TarEntry } from './tar-map.ts'

const maxEntries = 1_000_000
const maxPaxBytes = 1024 * 1024
/** Headers are read this many bytes at a time where files are small. */
const readAhead = 64 * 1024

function refuse({ name }: ArchiveBytes, why: string): MirrorError {
  return new MirrorError('INTEGRITY', `${name}: ${why}`, { hint: 'Copy the file again from where it was made, and compare its checksum.' })
}

/** Reads on until `least` bytes of the buffer are filled, or the archive ends; gives how many are. */
async function readFully(file: ArchiveBytes, buffer: Uint8Array, position: number, least: number): Promise<number> {
  let done = 0
  while (done < least) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Reads single blocks of a file, several at once from the disk. */
class Blocks {
  readonly #file: ArchiveBytes
  readonly #buffer = Buffer.alloc(readAhead)
  #start = 0
  #end = 0

  constructor(file: ArchiveBytes) {
    this.#file = file
  }

  async at(offset: number): Promise<Buffer> {
    if (offset < this.#start || offset + blockBytes > this.#end) {
      const bytesRead = await readFully(this.#file, this.#buffer, offset, blockBytes)
      this.#start = offset
      this.#end = offset + bytesRead
      if (bytesRead < blockBytes) throw refuse(this.#file, 'it ends before its end: it was cut off')
    }
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + blockBytes)
  }
}

/** A path below the archive's root without `.`, `..` and doubled slashes; undefined for one that leads elsewhere. */
function plainPath(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return path.startsWith('/') || path.includes('\0') || path.includes('\\') || parts.includes('..') ? undefined : parts.join('/')
}

/** A header; undefined for a block that is none. */
function parseHeader(block: Buffer): Header | undefined {
  try {
    const header = new Header(block)
    return header.cksumValid ? header : undefined
  } catch {
    // numbers that are none
    return undefined
  }
}

async function readPax(file: ArchiveBytes, offset: number, size: number): Promise<{ readonly path?: string; readonly size?: number }> {
  if (size > maxPaxBytes) throw refuse(file, 'a header of it is larger than 1 MiB')
  const bytes = Buffer.alloc(size)
  if ((await readFully(file, bytes, offset, size)) < size) throw refuse(file, 'it ends before its end: it was cut off')
  const { path, size: stated } = Pax.parse(bytes.toString('utf8'))
  return { ...(path !== undefined && { path }), ...(stated !== undefined && { size: stated }) }
}

/**
 * Finds every file of an archive without reading what is in them, each once all of it is there. Links, devices, paths that lead out, files of one
 * name and an end that is missing are refused: an archive is hostile until it is checked. Throws INTEGRITY.
 */
export async function* scanTar(file: ArchiveBytes): AsyncGenerator<TarEntry> {
  const blocks = new Blocks(file)
  const paths = new Set<string>()
  let next: { path?: string; size?: number } = {}
  let count = 0
  for (let at = 0; ;) {
    const block = await blocks.at(at)
    if (block.every((byte) => byte === 0)) return
    const header = parseHeader(block)
    if (header === undefined) throw refuse(file, `it is no tar archive, or damaged: the header at byte ${at} has a wrong checksum`)
    if (++count > maxEntries) throw refuse(file, `it has more than ${maxEntries} entries`)
    const offset = at + blockBytes
    const size = next.size ?? header.size ?? 0
    if (!Number.isSafeInteger(size) || size < 0 || !(await file.reaches(offset + size)))
      throw refuse(file, 'it ends before its end: it was cut off')
    if (header.type === 'ExtendedHeader') next = await readPax(file, offset, size)
    else if (header.type === 'NextFileHasLongPath') next = { path: await readLongPath(file, offset, size) }
    else if (header.type !== 'GlobalExtendedHeader') {
      const path = plainPath(next.path ?? header.path ?? '')
      if (path === undefined) throw refuse(file, 'a path in it leads out of it')
      next = {}
      if (header.type === 'File' || header.type === 'OldFile' || header.type === 'ContiguousFile') {
        if (paths.has(path)) throw refuse(file, `${path} is in it twice`)
        paths.add(path)
        yield { path, size, offset }
      } else if (header.type !== 'Directory') throw refuse(file, `${path} is a link or a device`)
    }
    at = offset + paddedSize(size)
  }
}

async function readLongPath(file: ArchiveBytes, offset: number, size: number): Promise<string> {
  if (size > maxPaxBytes) throw refuse(file, 'a header of it is larger than 1 MiB')
  const bytes = Buffer.alloc(size)
  await readFully(file, bytes, offset, size)
  return bytes.toString('utf8').replace(/\0.*$/s, '')
}
