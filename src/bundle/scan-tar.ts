import { Header } from 'tar'
import { MirrorError } from '../errors.ts'
import type { ArchiveBytes } from './archive-bytes.ts'
import { detectCompression, detectUnsupported } from './compression.ts'
import { foreignFormat, notAnArchive } from './file-format.ts'
import { blockBytes, paddedSize, type TarEntry } from './tar-map.ts'

const maxEntries = 1_000_000
const maxPaxBytes = 1024 * 1024
/** Where the size stands in a header, in 12 bytes. */
const sizeOffset = 124
/** Where the type stands in a header: one character. */
const typeOffset = 156
/** Headers are read this many bytes at a time where files are small. */
const readAhead = 64 * 1024

const copyAgain = 'copy the file again from the machine that created it, and compare its checksum'
const packAgain = 'pack it again with only directories and regular files, without --sparse'

function refuse({ name }: Pick<ArchiveBytes, 'name'>, why: string, hint: string = copyAgain): MirrorError {
  return new MirrorError('INTEGRITY', `${name}: ${why}`, { hint })
}

/** The error for an archive whose end is missing. */
export function cutOff(file: Pick<ArchiveBytes, 'name'>): MirrorError {
  return refuse(file, 'the archive is truncated: its end is missing')
}

/** Reads on until `least` bytes of the buffer are filled, or the archive ends; gives how many are. */
async function readFully(file: ArchiveBytes, buffer: Uint8Array, position: number, least: number = buffer.length): Promise<number> {
  let done = 0
  while (done < least) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Reads single blocks of a file, several at once from the disk; a block has fewer bytes, or none, where the archive ends. */
function blockReader(file: ArchiveBytes): (offset: number) => Promise<Buffer> {
  const buffer = Buffer.alloc(readAhead)
  let start = 0
  let end = 0
  return async (offset) => {
    if (offset < start || offset + blockBytes > end) {
      start = offset
      end = offset + (await readFully(file, buffer, offset, blockBytes))
    }
    return buffer.subarray(offset - start, Math.min(offset + blockBytes, end) - start)
  }
}

/** Zeros may follow the last file, and nothing else: readers disagree about what they do with it. */
async function refuseTrailingData(file: ArchiveBytes, end: number, maxPadding: number): Promise<void> {
  const buffer = Buffer.alloc(readAhead)
  for (let at = end; ;) {
    const { bytesRead } = await file.read(buffer, 0, readAhead, at)
    if (bytesRead === 0) return
    at += bytesRead
    if (!isZero(buffer.subarray(0, bytesRead))) throw refuse(file, 'the archive has trailing data')
    if (at - end > maxPadding)
      throw refuse(file, `more than ${maxPadding / 1_048_576} MiB of zeros follow its last file`, 'decompress the file, and pass the .tar')
  }
}

const zeros = Buffer.alloc(readAhead)

function isZero(bytes: Uint8Array): boolean {
  return zeros.subarray(0, bytes.length).equals(bytes)
}

/** A path below the archive's root without `.`, `..` and doubled slashes; undefined for one that leads elsewhere. */
export function plainPath(path: string): string | undefined {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  return path.startsWith('/') || path.includes('\0') || path.includes('\\') || steps.includes('..') ? undefined : steps.join('/')
}

function parseHeader(block: Buffer): Header | undefined {
  try {
    const header = new Header(block)
    return header.cksumValid ? header : undefined
  } catch {
    // It declares invalid numbers.
    return undefined
  }
}

/** The size that a header states; NaN for an invalid number, of which a parser would read the beginning. */
function sizeOf(block: Buffer, header: Header): number {
  const field = block.toString('latin1', sizeOffset, sizeOffset + 12)
  if (/^[ \0]*$/.test(field)) return 0
  const isNumber = /^[\x80-\xff]/.test(field) || /^ *[0-7]+[ \0]*$/.test(field)
  return isNumber ? (header.size ?? Number.NaN) : Number.NaN
}

/** What an entry is that holds no file, by the type in its header. */
const typeNames: Readonly<Record<string, string>> = {
  1: 'a hard link',
  2: 'a symbolic link',
  3: 'a character device',
  4: 'a block device',
  6: 'a FIFO',
  A: 'a Solaris access control list',
  I: 'inode metadata',
  M: 'the rest of a file that begins in another volume',
  N: 'a long name in the form of old GNU tar',
  S: 'a sparse file',
  X: 'a Solaris extended header',
}

/** What a header before the header says of the next file. */
interface Override {
  readonly path?: string | undefined
  readonly linkpath?: string | undefined
  readonly size?: number | undefined
  /** Of a header of GNU tar's own, which names one thing. */
  readonly isGnu?: boolean | undefined
}

const noOverride: Override = {}

async function readHeaderBytes(file: ArchiveBytes, offset: number, size: number): Promise<Buffer> {
  if (size > maxPaxBytes) throw refuse(file, 'a header is larger than 1 MiB')
  const bytes = Buffer.alloc(size)
  if ((await readFully(file, bytes, offset)) < size) throw cutOff(file)
  return bytes
}

/** The `<length> <key>=<value>` records of https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03; undefined for invalid ones. */
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

async function readOverride(file: ArchiveBytes, type: string, offset: number, length: number): Promise<Override | undefined> {
  if (type === 'ExtendedHeader' || type === 'GlobalExtendedHeader') {
    const records = parsePax(await readHeaderBytes(file, offset, length))
    if (records === undefined) throw refuse(file, `the extended header at byte ${offset} is damaged`)
    if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.')))
      throw refuse(file, 'the archive contains sparse files', 'pack it again without --sparse')
    const [path, linkpath, stated] = ['path', 'linkpath', 'size'].map((key) => records.get(key))
    const size = stated === undefined ? undefined : Number(/^[0-9]+$/.test(stated) ? stated : Number.NaN)
    const override = { path, linkpath, size }
    if (type === 'ExtendedHeader') return override
    // GNU tar lets it name every file that follows, and Go's archive/tar none.
    if (Object.values(override).some((value) => value !== undefined))
      throw refuse(file, `the global extended header at byte ${offset} names a file`)
    return noOverride
  }
  if (type !== 'NextFileHasLongPath' && type !== 'NextFileHasLongLinkpath') return undefined
  const path = (await readHeaderBytes(file, offset, length)).toString('utf8').replace(/\0.*$/s, '')
  return type === 'NextFileHasLongPath' ? { path, isGnu: true } : { linkpath: path, isGnu: true }
}

/** Where a link leads, below the archive's root: a symbolic one from its own directory. Undefined where it leads out. */
function linkTarget(path: string, isSymbolic: boolean, target: string): string | undefined {
  if (target.startsWith('/') || target.includes('\0') || target.includes('\\')) return undefined
  const steps = isSymbolic ? path.split('/').slice(0, -1) : []
  for (const step of target.split('/').filter((one) => one !== '' && one !== '.')) {
    if (step !== '..') steps.push(step)
    else if (steps.pop() === undefined) return undefined
  }
  return steps.join('/')
}

/** Refuses what is not a tar archive, also inside a compressed file: only one compression is undone. Throws USAGE and UNSUPPORTED. */
function refuseOtherFormats({ name, compression, isSplit = false }: ArchiveBytes, start: Buffer): void {
  const inner = detectCompression(start) ?? detectUnsupported(start)?.name
  if (inner !== undefined) {
    throw new MirrorError('UNSUPPORTED', `${name} is compressed twice: it contains ${inner} data`, {
      hint: 'decompress it once, and pass the result',
    })
  }
  const found = foreignFormat(start)
  if (found !== undefined && !isSplit)
    throw notAnArchive(name, compression === undefined ? found : `${found}, compressed with ${compression}`)
}

/** What is taken from an archive. */
export interface ScanOptions {
  /** Links to other files of the archive are found too, as `docker save` writes them for layers that two images share; default: they are refused. */
  readonly links?: boolean | undefined
  /** Bytes of zeros that may follow the last file; default: any number. */
  readonly maxPadding?: number | undefined
  /** Called where the archive ends behind a file, without the zeros that end an archive; default: it was truncated. */
  readonly onMissingEnd?: (() => void) | undefined
}

/** Headers that are not of a file, and what of the next one a single-purpose one names. */
const namedFields: Readonly<Record<string, 'path' | 'linkpath' | undefined>> = {
  ExtendedHeader: undefined,
  GlobalExtendedHeader: undefined,
  NextFileHasLongPath: 'path',
  NextFileHasLongLinkpath: 'linkpath',
  TapeVolumeHeader: undefined,
}

/** True for a header that may stand between a file and the headers before it: GNU's long path and long link. Of others readers differ in what counts. */
function mayPrecede(next: Override, type: string): boolean {
  const field = namedFields[type]
  return next === noOverride || (next.isGnu === true && field !== undefined && next[field] === undefined)
}

const fileTypes = new Set(['File', 'OldFile', 'ContiguousFile'])
/** Directories, and those of GNU tar's incremental archives with a list of what was in them. */
const directoryTypes = new Set(['Directory', 'GNUDumpDir'])

/** Finds every file of an archive, each once all of it is there, without reading any: an archive is hostile until it is checked. Throws INTEGRITY. */
export async function* scanTar(
  file: ArchiveBytes,
  { links = false, maxPadding = Number.POSITIVE_INFINITY, onMissingEnd }: ScanOptions = {},
): AsyncGenerator<TarEntry> {
  const blockAt = blockReader(file)
  const paths = new Set<string>()
  let next = noOverride
  let count = 0
  for (let at = 0; ;) {
    const block = await blockAt(at)
    if (at === 0) refuseOtherFormats(file, block)
    if (block.length < blockBytes) {
      if (at === 0 || next !== noOverride || !isZero(block) || onMissingEnd === undefined) throw cutOff(file)
      return onMissingEnd()
    }
    if (isZero(block)) return refuseTrailingData(file, at, maxPadding)
    const header = parseHeader(block)
    if (header === undefined) throw refuse(file, `the archive is damaged: the header at byte ${at} has a wrong checksum`)
    if (++count > maxEntries) throw refuse(file, `the archive has more than ${maxEntries} entries`)
    const offset = at + blockBytes
    const isAboutNext = header.type in namedFields
    if (isAboutNext && !mayPrecede(next, header.type))
      throw refuse(file, `the headers before byte ${at} are ambiguous: tools read different files from them`, packAgain)
    const size = isAboutNext ? sizeOf(block, header) : (next.size ?? sizeOf(block, header))
    if (!Number.isSafeInteger(size) || size < 0) throw refuse(file, `the header at byte ${at} declares an invalid size`)
    at = offset + paddedSize(size)
    if (!(await file.reaches(at))) throw cutOff(file)
    const override = await readOverride(file, header.type, offset, size)
    if (override === noOverride || header.type === 'TapeVolumeHeader') continue
    if (override !== undefined) {
      next = { path: override.path ?? next.path, linkpath: override.linkpath ?? next.linkpath, size: override.size, isGnu: override.isGnu }
      continue
    }
    const path = plainPath(next.path ?? header.path ?? '')
    if (path === undefined) throw refuse(file, 'a path points outside the archive')
    const target = next.linkpath ?? header.linkpath ?? ''
    next = noOverride
    if (directoryTypes.has(header.type)) continue
    const isLink = links && size === 0 && (header.type === 'SymbolicLink' || header.type === 'Link')
    const type = block.toString('latin1', typeOffset, typeOffset + 1)
    if (!isLink && !fileTypes.has(header.type))
      throw refuse(file, `${path} is ${typeNames[type] ?? `of the unknown type ${JSON.stringify(type)}`}`, packAgain)
    const link = isLink ? linkTarget(path, header.type === 'SymbolicLink', target) : undefined
    if (isLink && link === undefined) throw refuse(file, `${path} is a link to a path outside the archive`)
    if (paths.has(path)) throw refuse(file, `the archive contains ${path} twice`)
    paths.add(path)
    yield { path, size, offset, ...(link !== undefined && { link }) }
  }
}
