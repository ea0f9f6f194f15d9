import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { MirrorError } from '../errors.ts'
import { DiskRoom } from '../layout/disk-room.ts'
import { fileContent } from '../layout/file-content.ts'
import { GroupCommit } from '../layout/group-commit.ts'
import { claimLayout, type LayoutClaim } from '../layout/layout-claim.ts'
import { errnoOf, localIo, withLocalIo, writeAt } from '../layout/local-io.ts'
import { contentHasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { blobPath, type BundleContents } from './bundle-contents.ts'
import { unfinishedDirectory } from './bundle-target.ts'
import { compressionOfName } from './compression.ts'
import { publishBundle, type Publication } from './publish-bundle.ts'
import { blockBytes, paddedSize, tarHeader } from './tar-map.ts'

interface Opened {
  readonly file: string
  readonly directory: string
  readonly contents: BundleContents
  readonly claim: LayoutClaim
  readonly archive: FileHandle
  readonly journal: FileHandle
  /** By path. */
  readonly done: Set<string>
}

/**
 * A bundle on its way, in the directory `<file>.part`: `archive` with every byte at its position, and `done`, the blobs and files that are whole in it, a
 * path a line behind the name of the arrangement; they are hashed again when it is resumed. What images are copied to it is settled before: only blobs
 * and the files of a kit move.
 */
export class UnfinishedBundle implements AsyncDisposable {
  readonly #opened: Opened
  #unwritten: string[] = []
  readonly #commit = new GroupCommit(() => this.#note())

  private constructor(opened: Opened) {
    this.#opened = opened
  }

  /** Opens an unfinished bundle, and resumes one of the same arrangement. Throws LOCAL_IO, and LAYOUT_LOCKED while another process writes it. */
  static async open(file: string, contents: BundleContents, { signal }: CallOptions = {}): Promise<UnfinishedBundle> {
    const directory = unfinishedDirectory(file)
    try {
      await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error
      })
      const claim = await claimLayout(directory)
      let journal, archive
      try {
        if (claim.isTakeover) await replaceOpenFiles(directory, claim.directory)
        await claim.endTakeover()
        journal = await open(join(directory, 'done'), constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW)
        archive = await open(join(directory, 'archive'), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
        const owners = [await stat(directory), await journal.stat(), await archive.stat()].map(({ uid }) => uid)
        if (owners.some((uid) => uid !== claim.uid)) {
          throw new MirrorError('USAGE', `"${directory}" belongs to another user, who would own the bundle`, {
            hint: 'remove it, run as that user, or pass another file name',
          })
        }
        const opened = { file, directory, contents, claim, archive, journal }
        const done = await findDone(opened, signal)
        await archive.truncate(contents.map.size)
        return new UnfinishedBundle({ ...opened, done })
      } catch (error) {
        for (const handle of [journal, archive]) await handle?.close().catch(() => undefined)
        await claim.release()
        throw error
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw await localIo(error, 'write', directory)
    }
  }

  /** Throws NO_SPACE unless the missing blobs fit on the disk. The parts of a plain tar need its whole size in addition. */
  async requireRoom({ splitSize }: Pick<Publication, 'splitSize'>): Promise<void> {
    const { directory, contents, done } = this.#opened
    const sizes = [...contents.map.entries.values()].filter(({ path }) => !done.has(path)).map(({ path, size }) => ({ digest: path, size }))
    const isSplitPlain = splitSize !== undefined && compressionOfName(this.#opened.file) === undefined
    await new DiskRoom(directory).expect(sizes, isSplitPlain ? contents.map.size : 0)
  }

  /** True for a blob that is whole here, or that an earlier bundle brought. */
  has(digest: Digest): boolean {
    return this.hasWhole(blobPath(digest)) || this.#opened.contents.elsewhere.has(digest)
  }

  /** True for a blob or a file, by its path, that is whole here. */
  hasWhole(path: string): boolean {
    return this.#opened.done.has(path)
  }

  /** True for a blob that the archive has a position for. */
  hasPlaceFor(digest: Digest): boolean {
    return this.#opened.contents.map.entries.has(blobPath(digest))
  }

  /** Takes the bytes of a blob or a file in order, and writes them where they belong. It counts once all of it was verified and `end` has put it on the disk. */
  writer(path: string): { write(chunk: Uint8Array): Promise<void>; end(): Promise<void> } {
    const { contents, done } = this.#opened
    const entry = contents.map.entries.get(path)
    if (entry === undefined) throw new MirrorError('INTERNAL', `${path} has no position in the bundle`)
    let at = entry.offset
    return {
      write: (chunk) => {
        const position = at
        at += chunk.length
        return this.#put(chunk, position)
      },
      end: async () => {
        this.#unwritten.push(path)
        await this.#commit.run()
        done.add(path)
      },
    }
  }

  /** Writes what is left, compresses and splits it, and gives the bundle its name. Throws LOCAL_IO. */
  async finish({ splitSize, signal }: Pick<Publication, 'splitSize' | 'signal'> = {}): Promise<void> {
    const { file, directory, contents, archive, claim } = this.#opened
    const { map, files } = contents
    for (const entry of map.entries.values()) {
      const { path, size, offset } = entry
      await this.#put(tarHeader(entry), offset - blockBytes)
      const bytes = files.get(path)
      if (bytes !== undefined) await this.#put(bytes, offset)
      await this.#put(Buffer.alloc(paddedSize(size) - size), offset + size)
    }
    await this.#put(Buffer.alloc(2 * blockBytes), map.size - 2 * blockBytes)
    try {
      await archive.sync()
      // Out of the claim: nothing gets the bundle's name once another process has taken over.
      const archivePath = join(claim.directory, 'archive')
      await link(join(directory, 'archive'), archivePath).catch(() => rename(join(directory, 'archive'), archivePath))
      await publishBundle({ file, archivePath, splitSize, signal })
      await rm(directory, { recursive: true, force: true })
    } catch (error) {
      if (signal?.aborted !== true) await claim.confirm()
      throw await localIo(error, 'write', file)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { archive, journal, claim } = this.#opened
    const ends = await Promise.allSettled([archive.close(), journal.close()])
    await claim.release()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  async #put(bytes: Uint8Array, position: number): Promise<void> {
    const { archive, directory, claim } = this.#opened
    claim.lost.throwIfAborted()
    await withLocalIo('write', directory, () => writeAt(archive, bytes, position))
  }

  /** It is noted when its bytes have reached the disk: after a power cut nothing is noted that is not there. */
  async #note(): Promise<void> {
    const { archive, journal, directory } = this.#opened
    const paths = this.#unwritten
    this.#unwritten = []
    await withLocalIo('write', directory, async () => {
      await archive.datasync()
      await journal.appendFile(paths.map((path) => `${path}\n`).join(''))
    })
  }
}

/** Replaces by copies the files that a process, only presumed dead, may still write to; without space for them the bundle starts again. */
async function replaceOpenFiles(directory: string, claim: string): Promise<void> {
  for (const name of ['archive', 'done']) {
    const own = join(claim, name)
    try {
      await copyFile(join(directory, name), own, constants.COPYFILE_FICLONE)
      await rename(own, join(directory, name))
    } catch {
      for (const path of [own, join(directory, name)]) await rm(path, { force: true })
    }
  }
}

/** What is noted and still whole: a disk may have changed since. The journal of another arrangement begins anew. */
async function findDone({ contents: { map, streamed }, journal, archive, directory: path }: Omit<Opened, 'done'>, signal?: AbortSignal) {
  const done = new Set<string>()
  const hash = createHash('sha256')
  for (const entry of map.entries.values()) hash.update(`${entry.path} ${entry.size}\n`)
  const arrangement = hash.digest('hex')
  const [noted, ...lines] = (await journal.readFile('utf8')).split('\n')
  if (noted !== arrangement || (await archive.stat()).size !== map.size) {
    await journal.truncate(0)
    await journal.appendFile(`${arrangement}\n`)
    return done
  }
  for (const line of new Set(lines)) {
    const entry = map.entries.get(line)
    const digest = streamed.get(line)?.digest
    if (entry === undefined || digest === undefined) continue
    if (await contentHasDigest(fileContent(archive, { ...entry, path, signal, isShared: true }), digest)) done.add(line)
  }
  return done
}
