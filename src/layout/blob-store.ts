import { createHash, randomUUID } from 'node:crypto'
import { lstat, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readAll, type Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { contentHasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { fileContent } from './file-content.ts'
import { GroupCommit } from './group-commit.ts'
import { errnoOf, localIo, openRegularFile, syncDirectory, withLocalIo } from './local-io.ts'
import { makeDirectory } from './make-directory.ts'
import { StoredBytes } from './stored-bytes.ts'
import { UploadFiles } from './upload-files.ts'

const algorithms = ['sha256', 'sha512'] as const
const emptyDigests: ReadonlySet<string> = new Set(algorithms.map((name) => `${name}:${createHash(name).digest('hex')}`))

/** Which bytes of a blob to read. */
export interface BlobRange extends CallOptions {
  readonly offset?: number | undefined
  /** Bytes from the offset on; to the end where it is left out. */
  readonly length?: number
}

/** The `blobs` directory of a layout: every blob once, whatever repository it was stored for. */
export class BlobStore {
  readonly #directory: string
  readonly #privateDirectory: string
  readonly uploads: UploadFiles
  readonly #whole = new Map<Digest, { readonly file: string; readonly isWhole: Promise<boolean> }>()
  readonly #nameCommits: ReadonlyMap<string, GroupCommit>
  readonly #stored: readonly StoredBytes[]

  constructor(layoutDirectory: string, privateDirectory: string, durable: boolean) {
    this.#directory = join(layoutDirectory, 'blobs')
    this.#privateDirectory = privateDirectory
    this.#stored = algorithms.map((name) => new StoredBytes(join(this.#directory, name)))
    this.#nameCommits = new Map(algorithms.map((name) => [name, new GroupCommit(() => syncDirectory(join(this.#directory, name)))]))
    this.uploads = new UploadFiles({
      directory: privateDirectory,
      finalPath: (digest) => this.path(digest),
      syncNames: async (digest) => this.#nameCommits.get(digest.slice(0, 6))?.run(),
      durable,
    })
  }

  /** Refuses directories that are symbolic links, which would lead blobs out of the layout. */
  async checkDirectories(): Promise<void> {
    const blobs = algorithms.map((name) => join(this.#directory, name))
    for (const path of [this.#directory, ...blobs, dirname(this.#privateDirectory), this.#privateDirectory]) await refuseLink(path)
  }

  /** Makes the directories and removes what dead writers left; only for the one writer of the layout. */
  async prepare(isTakeover: boolean): Promise<void> {
    await withLocalIo('write', this.#directory, async () => {
      for (const name of algorithms) await makeDirectory(join(this.#directory, name))
      await this.uploads.prepare(isTakeover)
    })
  }

  /** The file of a blob; the digest's grammar keeps the path inside the layout. */
  path(digest: Digest): string {
    return join(this.#directory, digest.slice(0, 6), digest.slice(7))
  }

  /** Bytes of a blob; undefined when it is absent, is not a regular file, or is an empty file that a crash left. */
  async size(digest: Digest): Promise<number | undefined> {
    try {
      const stats = await lstat(this.path(digest))
      return stats.isFile() && (stats.size > 0 || emptyDigests.has(digest)) ? stats.size : undefined
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw await localIo(error, 'read', this.path(digest))
    }
  }

  /** Bytes of all blobs. Throws LOCAL_IO. */
  async storedBytes(): Promise<number> {
    const [sha256 = 0, sha512 = 0] = await withLocalIo('read', this.#directory, () =>
      Promise.all(this.#stored.map((bytes) => bytes.read())),
    )
    return sha256 + sha512
  }

  /** A blob's bytes; undefined when it is absent. */
  async read(digest: Digest, options: BlobRange = {}): Promise<Content | undefined> {
    const path = this.path(digest)
    const file = await openRegularFile(path)
    if (file === undefined) return undefined
    const { handle, stats } = file
    const offset = Math.min(options.offset ?? 0, stats.size)
    const size = Math.min(options.length ?? stats.size, stats.size - offset)
    if (stats.size > 0 || emptyDigests.has(digest)) return fileContent(handle, { path, offset, size, signal: options.signal })
    await handle.close()
    return undefined
  }

  /** All bytes of a small blob; undefined when it is absent or larger than `limit` bytes. */
  async readWhole(digest: Digest, limit: number): Promise<Uint8Array | undefined> {
    const content = await this.read(digest)
    if (content !== undefined && content.size <= limit) return readAll(content)
    content?.cancel()
    return undefined
  }

  /** True when the bytes on disk have their digest: every one is read. */
  async verify(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    const content = await this.read(digest, options)
    return content !== undefined && contentHasDigest(content, digest)
  }

  /** The same, and bytes are read only if the file is another than when it was last asked for, by its inode, size and time. */
  async isWhole(digest: Digest): Promise<boolean> {
    const stats = await lstat(this.path(digest)).catch(() => undefined)
    if (stats === undefined) return false
    const file = `${stats.ino} ${stats.size} ${stats.mtimeMs}`
    const known = this.#whole.get(digest)
    if (known?.file === file) return known.isWhole
    const isWhole = this.verify(digest)
    this.#whole.set(digest, { file, isWhole })
    isWhole.catch(() => this.#whole.delete(digest))
    return isWhole
  }

  /** Takes a blob away into a directory of the one writer, where it is to be removed; undefined where the blob or the directory is not there. */
  async take(digest: Digest, privateDirectory: string): Promise<string | undefined> {
    this.#whole.delete(digest)
    const taken = join(privateDirectory, `blob-${randomUUID()}`)
    try {
      await rename(this.path(digest), taken)
      return taken
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw await localIo(error, 'remove', this.path(digest))
    }
  }

  /** Removes a blob by way of a directory of the one writer; a blob or a directory that is not there is no error. */
  async remove(digest: Digest, privateDirectory: string): Promise<void> {
    const taken = await this.take(digest, privateDirectory)
    if (taken !== undefined) await withLocalIo('remove', this.path(digest), () => rm(taken, { force: true }))
  }
}

/** Throws INTEGRITY where the path is not a directory. */
export async function refuseLink(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats !== undefined && !stats.isDirectory()) {
    throw new MirrorError('INTEGRITY', `${path} is not a directory of the layout`, {
      hint: 'remove it if it is not yours: a layout has no links',
    })
  }
}
