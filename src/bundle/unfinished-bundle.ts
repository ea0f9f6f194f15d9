import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { GroupCommit } from '../layout/group-commit.ts'
import { claimLayout, type LayoutClaim } from '../layout/layout-claim.ts'
import { errnoOf, localIo } from '../layout/local-io.ts'
import { contentHasDigest, isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { blobPath, type BundleContents } from './bundle-contents.ts'
import { partDirectory } from './bundle-target.ts'
import { publishBundle } from './publish-bundle.ts'
import { blockBytes, paddedSize, tarHeader } from './tar-map.ts'

/** Which places the bytes of a part are at: another selection has others. */
function planOf({ map }: BundleContents): string {
  const hash = createHash('sha256')
  for (const { path, size } of map.entries.values()) hash.update(`${path} ${size}\n`)
  return hash.digest('hex')
}

/** What another user has begun would become a bundle that belongs to them, and that they may change. */
function foreignPart(directory: string): MirrorError {
  return new MirrorError('USAGE', `${directory} was made by another user, who would own the bundle`, {
    hint: 'Remove it, run as that user, or name another file.',
  })
}

/** What becomes of a bundle whose blobs are all there. */
export interface FinishOptions {
  /** Bytes of a part; one file where it is not given. */
  readonly splitSize?: number | undefined
  readonly signal?: AbortSignal | undefined
}

interface Opened {
  readonly file: string
  readonly directory: string
  readonly layout: BundleContents
  readonly lock: LayoutClaim
  readonly archive: FileHandle
  readonly journal: FileHandle
  readonly done: Set<Digest>
}

/**
 * A bundle on its way, in the directory `<file>.part`: `archive` with every byte at its place, and `done`, the blobs that are whole in it, a digest a
 * line behind the name of their places; they are hashed again when it is gone on with. The archive gets the bundle's name when all of it is safely on the disk.
 */
export class UnfinishedBundle implements AsyncDisposable {
  readonly #opened: Opened
  #unwritten: Digest[] = []
  readonly #commit = new GroupCommit(() => this.#note())

  private constructor(opened: Opened) {
    this.#opened = opened
  }

  /** Opens a part, and goes on with what is there of the same places. Throws LOCAL_IO, and LAYOUT_LOCKED while another process writes it. */
  static async open(file: string, layout: BundleContents, { signal }: CallOptions = {}): Promise<UnfinishedBundle> {
    const directory = partDirectory(file)
    try {
      await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error
      })
      const lock = await claimLayout(directory)
      let journal, archive
      try {
        if (lock.isTakeover) await replaceOpenFiles(directory, lock.claim)
        await lock.endTakeover()
        journal = await open(join(directory, 'done'), constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW)
        archive = await open(join(directory, 'archive'), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
        const owners = [await stat(directory), await journal.stat(), await archive.stat()].map(({ uid }) => uid)
        if (owners.some((uid) => uid !== lock.uid)) throw foreignPart(directory)
        const noted = await readDone(journal, layout, (await archive.stat()).size)
        const done = await whole(noted, archive, { layout, path: directory, signal })
        await archive.truncate(layout.map.size)
        return new UnfinishedBundle({ file, directory, layout, lock, archive, journal, done })
      } catch (error) {
        for (const handle of [journal, archive]) await handle?.close().catch(() => undefined)
        await lock.release()
        throw error
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw await localIo(error, 'write', directory)
    }
  }

  /** True for a blob that is whole in the part. */
  has(digest: Digest): boolean {
    return this.#opened.done.has(digest)
  }

  /** Writes a blob to its place; it counts once whoever reads it has verified all of it, and it is on the disk. */
  async write(digest: Digest, content: Content): Promise<void> {
    const { layout, done } = this.#opened
    const entry = layout.map.entries.get(blobPath(digest))
    if (entry === undefined) throw new MirrorError('INTERNAL', `${digest} has no place in the bundle`)
    let at = entry.offset
    await content.read(async (chunk) => {
      const place = at
      at += chunk.length
      await this.#put(chunk, place)
    })
    this.#unwritten.push(digest)
    await this.#commit.run()
    done.add(digest)
  }

  /** Writes what is left, compresses and splits it, and gives the bundle its name. Throws LOCAL_IO. */
  async finish({ splitSize, signal }: FinishOptions = {}): Promise<void> {
    const { file, directory, layout, archive, lock } = this.#opened
    const { map, files } = layout
    for (const { path, size, offset } of map.entries.values()) {
      await this.#put(tarHeader({ path, size }), offset - blockBytes)
      const bytes = files.get(path)
      if (bytes !== undefined) await this.#put(bytes, offset)
      await this.#put(Buffer.alloc(paddedSize(size) - size), offset + size)
    }
    await this.#put(Buffer.alloc(2 * blockBytes), map.size - 2 * blockBytes)
    try {
      await archive.sync()
      // Out of the claim: nothing gets the bundle's name once another process has taken over.
      const archivePath = join(lock.claim, 'archive')
      await link(join(directory, 'archive'), archivePath).catch(() => rename(join(directory, 'archive'), archivePath))
      await publishBundle({ file, archivePath, splitSize, signal })
      await rm(directory, { recursive: true, force: true })
    } catch (error) {
      if (signal?.aborted !== true) await lock.confirm()
      throw await localIo(error, 'write', file)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { archive, journal, lock } = this.#opened
    const ends = await Promise.allSettled([archive.close(), journal.close()])
    await lock.release()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  async #put(bytes: Uint8Array, at: number): Promise<void> {
    const { archive, directory, lock } = this.#opened
    lock.lost.throwIfAborted()
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await archive.write(bytes, done, bytes.length - done, at + done)
        done += bytesWritten
      }
    } catch (error) {
      throw await localIo(error, 'write', directory)
    }
  }

  /** A blob is noted when its bytes have reached the disk: after a power cut nothing is noted that is not there. */
  async #note(): Promise<void> {
    const { archive, journal, directory } = this.#opened
    const digests = this.#unwritten
    this.#unwritten = []
    try {
      await archive.datasync()
      await journal.appendFile(digests.map((digest) => `${digest}\n`).join(''))
    } catch (error) {
      throw await localIo(error, 'write', directory)
    }
  }
}

/** Puts copies in the place of what a process that is only presumed dead may go on writing to; without room for them the bundle is begun anew. */
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

interface Noted {
  readonly layout: BundleContents
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

/** Those of the blobs that are still whole: a disk may have changed since they were noted. */
async function whole(noted: ReadonlySet<Digest>, archive: FileHandle, { layout, path, signal }: Noted): Promise<Set<Digest>> {
  const done = new Set<Digest>()
  for (const digest of noted) {
    const entry = layout.map.entries.get(blobPath(digest))
    if (entry === undefined) continue
    if (await contentHasDigest(fileContent(archive, { ...entry, path, signal, isShared: true }), digest)) done.add(digest)
  }
  return done
}

/** The blobs that were noted as whole in a part of these places; the journal of another one begins anew. */
async function readDone(journal: FileHandle, layout: BundleContents, size: number): Promise<Set<Digest>> {
  const [plan, ...lines] = (await journal.readFile('utf8')).split('\n')
  if (plan === planOf(layout) && size === layout.map.size) return new Set(lines.filter(isDigest))
  await journal.truncate(0)
  await journal.appendFile(`${planOf(layout)}\n`)
  return new Set()
}
