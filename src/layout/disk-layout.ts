import { contentOf, type Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobUpload, OfferedBlob, OfferOptions, PutManifestOptions } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BlobWriter } from './blob-writer.ts'
import { answerCollections, type CollectionAnswers, type CollectionRequest } from './collection-request.ts'
import { DeletionGate } from './deletion-gate.ts'
import { DiskLayoutReader } from './disk-layout-reader.ts'
import type { ExpectedContent } from './expected-content.ts'
import { InTurn } from './in-turn.ts'
import { LayoutDeletions, type WritableLayout } from './layout-deletions.ts'
import type { CollectedGarbage, CollectionOptions, Deletion, Layout, Mismatch } from './layout.ts'
import { linksOf, type ManifestLinks } from './manifest-links.ts'
import type { UploadKey } from './upload-files.ts'

/** A layout with the right to write to it; a manifest counts as stored when a reader that opens the layout later finds it. */
export class DiskLayout extends DiskLayoutReader implements Layout {
  readonly #opened: WritableLayout
  readonly #gate = new DeletionGate()
  /** The changes of each tag: memory must match what the last of them left in index.json. */
  readonly #tagTurns = new InTurn()
  readonly #deletions: LayoutDeletions
  #isClosed = false

  constructor(opened: WritableLayout) {
    super(opened)
    this.#opened = opened
    this.#deletions = new LayoutDeletions({
      opened,
      gate: this.#gate,
      tagTurns: this.#tagTurns,
      fenced: (work) => this.#fenced(work),
    })
  }

  get lost(): AbortSignal {
    return this.#opened.claim.lost
  }

  get expected(): ExpectedContent {
    return this.#deletions.expected
  }

  answerCollections(collect: (request: CollectionRequest) => Promise<object>): Promise<CollectionAnswers> {
    return answerCollections(this.#opened.claim.directory, collect)
  }

  confirm(): Promise<void> {
    return this.#opened.claim.confirm()
  }

  async startBlob(algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<BlobWriter> {
    this.#checkOpen()
    return this.blobs.uploads.start(algorithm)
  }

  async startUpload(key: UploadKey, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<BlobWriter> {
    this.#checkOpen()
    return this.#confirmed(await this.blobs.uploads.startKept(key, algorithm))
  }

  async resumeUpload(key: UploadKey): Promise<BlobWriter | undefined> {
    this.#checkOpen()
    const writer = await this.blobs.uploads.resume(key)
    return writer && this.#confirmed(writer)
  }

  /** Two writers must not have one file open: the next one drops those that were opened before it took over. */
  async #confirmed(writer: BlobWriter): Promise<BlobWriter> {
    try {
      await this.confirm()
      return writer
    } catch (error) {
      await writer.suspend()
      throw error
    }
  }

  /** Not while content is removed: what is found here, or stored after this, is not removed by a collection that has begun. */
  expectContent(
    repository: Repository,
    digest: Digest,
    { isComing = false }: { readonly isComing?: boolean } = {},
  ): Promise<number | undefined> {
    return this.#gate.adding(async () => {
      const size = await this.blobs.size(digest)
      if (size !== undefined || isComing) this.expected.expect(repository, digest)
      return size
    })
  }

  /** A layout has each blob once: where any repository has it, this one has it too. */
  async offerBlob(repository: Repository, descriptor: Descriptor, { from, presence }: OfferOptions = {}): Promise<OfferedBlob> {
    const isThere = async (): Promise<boolean> =>
      (await this.expectContent(repository, descriptor.digest, { isComing: true })) === descriptor.size
    if (await isThere()) return { kind: from === undefined || presence === 'likely' ? 'present' : 'mounted' }
    const put: BlobUpload['put'] = async (open, options) => !(await isThere()) && (await this.#write(descriptor, open, options))
    return { kind: 'upload', upload: { put, cancel: () => Promise.resolve() } }
  }

  async #write(descriptor: Descriptor, open: () => Promise<Content>, { signal }: CallOptions = {}): Promise<true> {
    const { digest, size } = descriptor
    const writer = await this.startBlob(digest.startsWith('sha512:') ? 'sha512' : 'sha256')
    try {
      const content = await open()
      await content.read((chunk) => {
        signal?.throwIfAborted()
        if (writer.size + chunk.length > size) throw new MirrorError('INTEGRITY', `${digest} has more than the expected ${size} bytes`)
        return writer.write(chunk)
      })
      await writer.commit(digest, size)
      return true
    } catch (error) {
      await writer.discard()
      await this.confirm()
      throw error
    }
  }

  async putManifest(reference: Reference, manifest: Manifest, { isRoot = false }: PutManifestOptions = {}): Promise<void> {
    const links = linksOf(contentsOf(manifest))
    await this.#gate.adding(() =>
      this.#fenced(async () => {
        await this.#store(reference, manifest, links)
        if (isRoot && reference.tag === undefined) await this.#pin(reference, manifest.descriptor)
      }),
    )
  }

  /** An image without a tag has an entry by its digest in index.json: nothing else shows that it is one, and not a child of an index. */
  async #pin({ registry, path }: Reference, { digest, mediaType, size }: Descriptor): Promise<void> {
    const pinned = { registry, path, digest }
    await this.#opened.index.set(pinned, { digest, mediaType, size })
    this.#opened.pinned.set(formatReference(pinned), pinned)
    await this.#deletions.fillReserve()
  }

  async putCheckedManifest(
    reference: Reference,
    manifest: Manifest,
    { isSparse = false }: { readonly isSparse?: boolean } = {},
  ): Promise<readonly Mismatch[]> {
    const links = linksOf(contentsOf(manifest))
    return this.#gate.adding(async () => {
      const all = await this.#mismatches(reference, links)
      const mismatches = isSparse ? all.filter(({ actualSize }) => actualSize !== undefined) : all
      if (mismatches.length === 0) await this.#fenced(() => this.#store(reference, manifest, links))
      return mismatches
    })
  }

  async #mismatches({ registry, path }: Repository, { manifests, blobs }: ManifestLinks): Promise<Mismatch[]> {
    const mismatches: Mismatch[] = []
    const check = async (descriptor: Descriptor, isManifest: boolean): Promise<void> => {
      const { digest, size } = descriptor
      const actualSize = isManifest ? (await this.headManifest({ registry, path, digest }))?.size : await this.blobs.size(digest)
      if (actualSize === size) return
      // Damaged content counts as absent, so that the client uploads it again.
      mismatches.push({ descriptor, actualSize: (await this.blobs.isWhole(digest)) ? actualSize : undefined })
    }
    for (const child of manifests) await check(child, isIndexType(child.mediaType) || isImageType(child.mediaType))
    for (const blob of blobs) await check(blob, false)
    return mismatches
  }

  /** Nothing is acknowledged that the next writer may not have read, and what fails because there is one says so. */
  async #fenced<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    try {
      return await work()
    } finally {
      await this.confirm()
    }
  }

  async #store(reference: Reference, manifest: Manifest, links: ManifestLinks): Promise<void> {
    const { digest, mediaType, size } = manifest.descriptor
    const descriptor = { mediaType, digest, size }
    const { registry, path } = reference
    const repository = { registry, path }
    if (reference.digest !== undefined && reference.digest !== digest) {
      throw new MirrorError('INTEGRITY', `${formatReference(reference)} cannot be stored with content of the digest ${digest}`)
    }
    if ((await this.blobs.size(digest)) !== size || !(await this.blobs.verify(digest)))
      await this.#write(descriptor, () => Promise.resolve(contentOf(manifest.bytes)))
    if (this.catalogue.find({ ...repository, digest }) === undefined) {
      await this.#opened.journal.append([{ repository, descriptor, subject: links.subject }])
      this.catalogue.add(repository, { descriptor, subject: links.subject })
      this.#deletions.added(digest, links)
    }
    await this.#tag(reference, descriptor)
    this.#deletions.stored(reference, descriptor, links)
  }

  async #tag({ registry, path, tag }: Reference, descriptor: Descriptor): Promise<void> {
    if (tag === undefined) return
    const repository = { registry, path }
    const tagged = { ...repository, tag }
    await this.#tagTurns.run(formatReference(tagged), async () => {
      const before = this.catalogue.find(tagged)?.descriptor.digest
      await this.#opened.index.set(tagged, descriptor)
      this.catalogue.tag(repository, tag, descriptor.digest)
      if (before !== undefined && before !== descriptor.digest) this.#deletions.expected.release([before])
    })
    await this.#deletions.fillReserve()
  }

  async recordReleases(images: readonly { readonly reference: Reference; readonly releases: readonly string[] }[]): Promise<void> {
    const record = async ({ reference, releases }: (typeof images)[number]): Promise<void> => {
      const { registry, path, tag } = reference
      if (tag === undefined) return
      const tagged = { registry, path, tag }
      await this.#tagTurns.run(formatReference(tagged), () => this.#opened.index.addReleases(tagged, releases))
    }
    await this.#gate.adding(() => this.#fenced(() => Promise.all(images.map(record))))
    await this.#deletions.fillReserve()
  }

  deleteTag(repository: Repository, tag: string): Promise<Deletion> {
    return this.#deletions.deleteTag(repository, tag)
  }

  deleteManifest(repository: Repository, digest: Digest): Promise<Deletion> {
    return this.#deletions.deleteManifest(repository, digest)
  }

  deleteBlob(digest: Digest): Promise<Deletion> {
    return this.#deletions.deleteBlob(digest)
  }

  async collectGarbage(options: CollectionOptions): Promise<CollectedGarbage> {
    this.#checkOpen()
    return this.#deletions.collect(options)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MirrorError('INTERNAL', `the layout ${this.directory} is closed`)
    this.lost.throwIfAborted()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#gate.deleting(() => this.#opened.journal.close())
    await this.#opened.claim.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
