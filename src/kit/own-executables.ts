import { createHash } from 'node:crypto'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMirrorError, MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { localIo, withLocalIo } from '../layout/local-io.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseChecksumFile } from '../release/fetch-release-list.ts'
import type { Architecture } from './architectures.ts'
import { formatChecksums, heldFile, mismatch, type Gathered, type GatheredFile, sumsFile } from './gathered-file.ts'

/** Where the executables are, and for which nodes. */
export interface ExecutableOptions extends CallOptions {
  /** A directory with `k3s-mirror-linux-<arch>` and SHA256SUMS, or one executable. */
  readonly executables?: string | undefined
  readonly architectures: readonly Architecture[]
}

/** Where they lie in a kit. */
const directory = 'k3s-mirror'

/** Processors by the number in an ELF header: https://www.sco.com/developers/gabi/latest/ch4.eheader.html */
const machines: Readonly<Record<number, string>> = { 0x3e: 'amd64', 0xb7: 'arm64', 0x28: 'arm', 0x16: 's390x' }

/** The name of an executable by its first bytes; undefined for another file. */
function nameOf(start: Buffer): string | undefined {
  if (start.readUInt32BE(0) === 0x7f454c46) {
    const machine = machines[start[5] === 2 ? start.readUInt16BE(18) : start.readUInt16LE(18)]
    return machine === undefined ? undefined : `k3s-mirror-linux-${machine}`
  }
  if (start.readUInt32LE(0) === 0xfeedfacf)
    return start.readUInt32LE(4) === 0x0100000c ? 'k3s-mirror-darwin-arm64' : 'k3s-mirror-darwin-x64'
  return start.toString('latin1', 0, 2) === 'MZ' ? 'k3s-mirror-win-x64.exe' : undefined
}

/** An executable of this machine by its path: what it is, and its digest. Throws LOCAL_IO. */
async function readExecutable(
  path: string,
  { signal }: CallOptions,
): Promise<{ readonly name: string | undefined; readonly size: number; readonly hex: string }> {
  return withLocalIo('read', path, async () => {
    await using file = await open(path)
    const { size } = await file.stat()
    const start = Buffer.alloc(64)
    await file.read(start, 0, start.length, 0)
    const hash = createHash('sha256')
    await fileContent(file, { path, offset: 0, size, signal, isShared: true }).read((chunk) => void hash.update(chunk))
    return { name: nameOf(start), size, hex: hash.digest('hex') }
  })
}

function executable(
  name: string,
  path: string,
  { size, hex }: { readonly size: number; readonly hex: string },
  isListed: boolean,
): GatheredFile {
  const coverage = isListed ? 'checksum-file' : 'none'
  return { path: `${directory}/${name}`, digest: `sha256:${hex}`, size, executable: true, coverage, from: path }
}

/** The executables of k3s-mirror for the nodes' architectures, and their checksums. Throws USAGE, LOCAL_IO, CHECKSUM_MISMATCH. */
export async function gatherExecutables(options: ExecutableOptions): Promise<Gathered> {
  const { executables: given } = options
  if (given === undefined) return { files: [], warnings: [] }
  const facts = await stat(given).catch(async (error: unknown) => {
    throw await localIo(error, 'read', given)
  })
  // The opening of a pipe would wait for ever.
  if (!facts.isDirectory() && !facts.isFile()) throw notExecutable(given)
  const { files, warnings } = facts.isDirectory() ? await gatherDirectory(given, options) : await gatherSingle(given, options)
  const nameIn = (path: string): string => path.slice(directory.length + 1)
  return { files: [...files, heldFile(`${directory}/${sumsFile}`, formatChecksums(files, nameIn), 'made')], warnings }
}

function notExecutable(path: string): MirrorError {
  return new MirrorError('USAGE', `"${path}" is not an executable of k3s-mirror`, {
    hint: 'pass an executable, or a directory with executables and SHA256SUMS, with options.executables',
  })
}

async function gatherSingle(path: string, options: ExecutableOptions): Promise<Gathered> {
  const read = await readExecutable(path, options)
  if (read.name === undefined) throw notExecutable(path)
  return { files: [executable(/^k3s-mirror-[\w.-]+$/.test(basename(path)) ? basename(path) : read.name, path, read, false)], warnings: [] }
}

async function gatherDirectory(given: string, options: ExecutableOptions): Promise<Gathered> {
  const sumsPath = join(given, sumsFile)
  const text = await withLocalIo('read', sumsPath, () => readFile(sumsPath, 'utf8')).catch((error: unknown) => {
    throw isMirrorError(error) ? error.with({ hint: 'pass a directory with executables of k3s-mirror and their SHA256SUMS' }) : error
  })
  const sums = parseChecksumFile(text, sumsPath)
  const files: GatheredFile[] = []
  for (const architecture of options.architectures) {
    const name = `k3s-mirror-linux-${architecture}`
    const expected = sums.get(name)
    if (expected === undefined) continue
    const read = await readExecutable(join(given, name), options).catch((error: unknown) => {
      throw isMirrorError(error)
        ? error.with({ hint: `pass a directory that has every file of its ${sumsFile}, or one executable` })
        : error
    })
    if (read.hex !== expected) throw mismatch(join(given, name), `expected the sha256 ${expected} from ${sumsPath}, got ${read.hex}`)
    files.push(executable(name, join(given, name), read, true))
  }
  if (files.length > 0) return { files, warnings: [] }
  throw new MirrorError('USAGE', `"${sumsPath}" names no executable for ${options.architectures.join(', ')}`, {
    hint: 'pass a directory with k3s-mirror-linux-<arch>, or remove options.executables',
  })
}
