import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { errnoOf, localIo } from '../layout/local-io.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestHash, hasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import { manifestOf, maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { blobPath } from './bundle-layout.ts'
import { parseBundleRecord, recordPath, type BundledImage, type BundleRecord } from './bundle-record.ts'
import { scanTar } from './scan-tar.ts'
import type { TarEntry } from './tar-map.ts'

const maxRecordBytes = 64 * 1024 * 1024

/** A bundle as a place that images are read from, straight out of the file. */
export class BundleReader implements ImageSource, AsyncDisposable {
  readonly path: string
  readonly record: BundleRecord
  readonly entries: ReadonlyMap<string, TarEntry>
  readonly #handle: FileHandle
  readonly #images: ReadonlyMap<string, BundledImage>

  private constructor(path: string, handle: FileHandle, entries: ReadonlyMap<string, TarEntry>, record: BundleRecord) {
    this.path = path
    this.record = record
    this.entries = entries
    this.#handle = handle
    this.#images = new Map(record.images.map((image) => [formatReference(image.reference), image]))
  }

  /** Opens a bundle and finds out what is in it. Throws NOT_FOUND, INTEGRITY for a damaged one, UNSUPPORTED for an archive that is no bundle. */
  static async open(path: string): Promise<BundleReader> {
    let handle
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      const { size } = await handle.stat()
      const entries = await scanTar({ name: path, handle, size })
      const entry = entries.get(recordPath)
      if (entry === undefined || !entries.has('oci-layout')) {
        throw new MirrorError('UNSUPPORTED', `${path} is an archive, and no bundle of k3s-mirror: it has no ${recordPath}`)
      }
      if (entry.size > maxRecordBytes) throw new MirrorError('INVALID_MANIFEST', `${recordPath} in ${path} is larger than 64 MiB`)
      const bytes = Buffer.alloc(entry.size)
      await handle.read(bytes, 0, entry.size, entry.offset)
      return new BundleReader(path, handle, entries, parseBundleRecord(bytes))
    } catch (error) {
      await handle?.close()
      if (errnoOf(error) === 'ENOENT') throw new MirrorError('NOT_FOUND', `there is no file ${path}`, { cause: error })
      throw await localIo(error, 'read', path)
    }
  }

  headManifest(reference: Reference): Promise<Descriptor | undefined> {
    const image = this.#images.get(formatReference(reference))
    return Promise.resolve(image && { mediaType: image.mediaType, digest: image.digest, size: image.size })
  }

  async getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    const digest = reference.digest ?? this.#images.get(formatReference(reference))?.digest
    const entry = digest && this.entries.get(blobPath(digest))
    if (digest === undefined || entry === undefined) {
      throw new MirrorError('NOT_FOUND', `${this.path} does not hold ${formatReference(reference)}`, { side: 'source' })
    }
    if (entry.size > maxManifestBytes) throw this.#wrong(digest)
    const chunks: Buffer[] = []
    await this.#content(entry, options).read((chunk) => void chunks.push(Buffer.from(chunk)))
    const bytes = Buffer.concat(chunks)
    if (!hasDigest(bytes, digest)) throw this.#wrong(digest)
    return manifestOf(bytes, undefined, digest)
  }

  getBlob(_repository: Repository, { digest }: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    const entry = this.entries.get(blobPath(digest))
    if (entry === undefined) return Promise.reject(new MirrorError('NOT_FOUND', `${this.path} does not hold ${digest}`, { side: 'source' }))
    return Promise.resolve(this.#content(entry, options))
  }

  /** True where every byte of the content is what its digest says. */
  async isWhole(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    const entry = this.entries.get(blobPath(digest))
    if (entry === undefined) return false
    const hash = digestHash(digest)
    await this.#content(entry, options).read((chunk) => void hash.update(chunk))
    return hash.digest('hex') === digest.slice(digest.indexOf(':') + 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  #wrong(digest: Digest): MirrorError {
    return new MirrorError('INTEGRITY', `${this.path} holds other content for ${digest} than its digest says`, {
      side: 'source',
      hint: 'Copy the file again from where it was made; k3s-mirror bundle check names all that is damaged.',
    })
  }

  #content({ offset, size }: TarEntry, { offset: from = 0, signal }: GetBlobOptions): Content {
    return fileContent(this.#handle, { path: this.path, offset: offset + from, size: size - from, signal, isShared: true })
  }
}
