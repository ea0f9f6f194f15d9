import { Header } from 'tar'
import { MirrorError } from '../errors.ts'
import type { ArchiveBytes } from './archive-bytes.ts'
import { blockBytes, paddedSize, type TarEntry } from './tar-map.ts'

const maxEntries = 1_000_000
const maxPaxBytes = 1024 * 1024
/** Archivers fill an archive up to whole records, of 10 KiB by custom. */
const maxPaddingBytes = 1024 * 1024
/** Where the size stands in a header, in 12 bytes. */
const sizeOffset = 124
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

/** Behind its end an archive may be filled up with zeros, and nothing else: what is there is nobody's. */
async function refuseMore(file: ArchiveBytes, end: number): Promise<void> {
  const buffer = Buffer.alloc(readAhead)
  for (let at = end; ;) {
    const { bytesRead } = await file.read(buffer, 0, readAhead, at)
    if (bytesRead === 0) return
    at += bytesRead
    if (at - end > maxPaddingBytes || !isZero(buffer.subarray(0, bytesRead))) throw refuse(file, 'something else follows behind its end')
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** A path below the archive's root without `.`, `..` and doubled slashes; undefined for one that leads elsewhere. */
export function plainPath(path: string): string | undefined {
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

function decimal(text: string): number {
  return /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
}

/** The size that a header states; NaN for a number that is none, of which a parser would read the beginning. */
function sizeOf(block: Buffer, header: Header): number {
  const field = block.toString('latin1', sizeOffset, sizeOffset + 12)
  if (/^[ \0]*$/.test(field)) return 0
  const isNumber = /^[\x80-\xff]/.test(field) || /^ *[0-7]+[ \0]*$/.test(field)
  return isNumber ? (header.size ?? Number.NaN) : Number.NaN
}

/** What a header before the header says of the next file. */
interface Override {
  readonly path?: string | undefined
  readonly linkpath?: string | undefined
  readonly size?: number | undefined
}

async function readHeaderBytes(file: ArchiveBytes, offset: number, size: number): Promise<Buffer> {
  if (size > maxPaxBytes) throw refuse(file, 'a header of it is larger than 1 MiB')
  const bytes = Buffer.alloc(size)
  if ((await readFully(file, bytes, offset, size)) < size) throw refuse(file, 'it ends before its end: it was cut off')
  return bytes
}

/**
 * The records of an extended header, `<length> <key>=<value>` and a line feed each; undefined where one is none. Archivers' libraries pass over such a
 * one, and would take a file for another. https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03
 */
function parsePax(bytes: Buffer): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const digits = /^[1-9][0-9]{0,9} /.exec(bytes.toString('latin1', at, at + 11))?.[0]
    const end = at + Number(digits ?? 0)
    const [, key, value] = /^([^=]+)=(.*)\n$/s.exec(bytes.toString('utf8', at + (digits?.length ?? 0), end)) ?? []
    if (digits === undefined || key === undefined || value === undefined || end > bytes.length) return undefined
    records.set(key, value)
    at = end
  }
  return records
}

async function readOverride(file: ArchiveBytes, type: string, offset: number, size: number): Promise<Override | undefined> {
  if (type === 'ExtendedHeader') {
    const records = parsePax(await readHeaderBytes(file, offset, size))
    if (records === undefined) throw refuse(file, `the extended header at byte ${offset} is damaged`)
    if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw refuse(file, 'there are sparse files in it')
    const stated = records.get('size')
    return { path: records.get('path'), linkpath: records.get('linkpath'), size: stated === undefined ? undefined : decimal(stated) }
  }
  if (type !== 'NextFileHasLongPath' && type !== 'NextFileHasLongLinkpath') return undefined
  const path = (await readHeaderBytes(file, offset, size)).toString('utf8').replace(/\0.*$/s, '')
  return type === 'NextFileHasLongPath' ? { path } : { linkpath: path }
}

/** Where a link leads, below the archive's root: a symbolic one from its own directory. Undefined where it leads out. */
function linkTarget(path: string, isSymbolic: boolean, target: string): string | undefined {
  if (target.startsWith('/') || target.includes('\0') || target.includes('\\')) return undefined
  const parts = isSymbolic ? path.split('/').slice(0, -1) : []
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

/** What is taken from an archive beside its regular files. */
export interface ScanOptions {
  /** Links to other files of the archive are found too, as `docker save` writes them for layers that two images share; default: they are refused. */
  readonly links?: boolean | undefined
}

const fileTypes = new Set(['File', 'OldFile', 'ContiguousFile'])

/**
 * Finds every file of an archive without reading what is in them, each once all of it is there. Links, devices, paths that lead out, files of one
 * name and an end that is missing are refused: an archive is hostile until it is checked. Throws INTEGRITY.
 */
export async function* scanTar(file: ArchiveBytes, { links = false }: ScanOptions = {}): AsyncGenerator<TarEntry> {
  const blocks = new Blocks(file)
  const paths = new Set<string>()
  let next: Override = {}
  let count = 0
  for (let at = 0; ;) {
    const block = await blocks.at(at)
    if (isZero(block)) return refuseMore(file, at)
    const header = parseHeader(block)
    if (header === undefined) throw refuse(file, `it is no tar archive, or damaged: the header at byte ${at} has a wrong checksum`)
    if (++count > maxEntries) throw refuse(file, `it has more than ${maxEntries} entries`)
    const offset = at + blockBytes
    const size = next.size ?? sizeOf(block, header)
    if (!Number.isSafeInteger(size) || size < 0) throw refuse(file, `the header at byte ${at} states a size that is none`)
    if (!(await file.reaches(offset + size))) throw refuse(file, 'it ends before its end: it was cut off')
    at = offset + paddedSize(size)
    if (header.type === 'GlobalExtendedHeader') continue
    const override = await readOverride(file, header.type, offset, size)
    if (override !== undefined) {
      next = { path: override.path ?? next.path, linkpath: override.linkpath ?? next.linkpath, size: override.size ?? next.size }
      continue
    }
    const path = plainPath(next.path ?? header.path ?? '')
    if (path === undefined) throw refuse(file, 'a path in it leads out of it')
    const target = next.linkpath ?? header.linkpath ?? ''
    next = {}
    if (header.type === 'Directory') continue
    const isLink = links && size === 0 && (header.type === 'SymbolicLink' || header.type === 'Link')
    if (!isLink && !fileTypes.has(header.type)) throw refuse(file, `${path} is a link or a device`)
    const link = isLink ? linkTarget(path, header.type === 'SymbolicLink', target) : undefined
    if (isLink && link === undefined) throw refuse(file, `${path} is a link that leads out of it`)
    if (paths.has(path)) throw refuse(file, `${path} is in it twice`)
    paths.add(path)
    yield { path, size, offset, ...(link !== undefined && { link }) }
  }
}
