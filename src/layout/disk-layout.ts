import { contentOf, type Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobUpload, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BlobWriter } from './blob-writer.ts'
import { DeletionGate } from './deletion-gate.ts'
import { DiskLayoutReader, type OpenedLayout } from './disk-layout-reader.ts'
import { InTurn } from './in-turn.ts'
import type { IndexFile } from './index-file.ts'
import type { LayoutClaim } from './layout-claim.ts'
import type { Deletion, Layout, Mismatch } from './layout.ts'
import type { ManifestJournal } from './manifest-journal.ts'
import { linksOf, type ManifestLinks } from './manifest-links.ts'
import { Parents } from './parents.ts'
import type { Reserve } from './reserve.ts'
import type { UploadKey } from './upload-files.ts'

/** What is opened of a layout to be written. */
export interface WritableLayout extends OpenedLayout {
  readonly index: IndexFile
  readonly journal: ManifestJournal
  readonly claim: LayoutClaim
  readonly reserve: Reserve
  /** Entries of index.json without a name: what they need is kept. */
  readonly unnamed: readonly Descriptor[]
}

/** A layout with the right to write to it; a manifest counts as stored when a reader that opens the layout later finds it. */
export class DiskLayout extends DiskLayoutReader implements Layout {
  readonly #opened: WritableLayout
  readonly #gate = new DeletionGate()
  /** The changes of each tag: memory must match what the last of them left in index.json. */
  readonly #tagTurns = new InTurn()
  #parents: Parents | undefined
  #isClosed = false

  constructor(opened: WritableLayout) {
    super(opened)
    this.#opened = opened
  }

  get lost(): AbortSignal {
    return this.#opened.claim.lost
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

  /** A layout has each blob once: where any repository has it, this one has it too. */
  async offerBlob(repository: Repository, descriptor: Descriptor, { from, presence }: OfferOptions = {}): Promise<OfferedBlob> {
    if (await this.headBlob(repository, descriptor)) return { kind: from === undefined || presence === 'likely' ? 'present' : 'mounted' }
    const put: BlobUpload['put'] = async (open, options) =>
      !(await this.headBlob(repository, descriptor)) && (await this.#write(descriptor, open, options))
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

  async putManifest(reference: Reference, manifest: Manifest, _options?: CallOptions): Promise<void> {
    const links = linksOf(contentsOf(manifest))
    await this.#gate.adding(() => this.#fenced(() => this.#store(reference, manifest, links)))
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
    const { registry, path, tag } = reference
    const repository = { registry, path }
    if (reference.digest !== undefined && reference.digest !== digest) {
      throw new MirrorError('INTEGRITY', `${formatReference(reference)} cannot be stored with content of the digest ${digest}`)
    }
    if ((await this.blobs.size(digest)) !== size || !(await this.blobs.verify(digest)))
      await this.#write(descriptor, () => Promise.resolve(contentOf(manifest.bytes)))
    if (this.catalogue.find({ ...repository, digest }) === undefined) {
      await this.#opened.journal.append([{ repository, descriptor, subject: links.subject }])
      this.catalogue.add(repository, { descriptor, subject: links.subject })
      this.#parents?.add(digest, links)
    }
    if (tag === undefined) return
    const tagged = { ...repository, tag }
    await this.#tagTurns.run(formatReference(tagged), async () => {
      await this.#opened.index.set(tagged, descriptor)
      this.catalogue.tag(repository, tag, digest)
    })
    await this.#fillReserve()
  }

  /** Deletions write both files anew at most. */
  #fillReserve(): Promise<void> {
    return this.#opened.reserve.fill(this.#opened.index.size + this.#opened.journal.size)
  }

  async recordReleases(images: readonly { readonly reference: Reference; readonly releases: readonly string[] }[]): Promise<void> {
    const record = async ({ reference, releases }: (typeof images)[number]): Promise<void> => {
      const { registry, path, tag } = reference
      if (tag === undefined) return
      const tagged = { registry, path, tag }
      await this.#tagTurns.run(formatReference(tagged), () => this.#opened.index.addReleases(tagged, releases))
    }
    await this.#gate.adding(() => this.#fenced(() => Promise.all(images.map(record))))
    await this.#fillReserve()
  }

  deleteTag(repository: Repository, tag: string): Promise<Deletion> {
    const reference = { registry: repository.registry, path: repository.path, tag }
    const remove = async (): Promise<Deletion> => {
      if (this.catalogue.find(reference) === undefined) return 'absent'
      await this.#opened.reserve.spend(() => this.#opened.index.remove([reference]))
      this.catalogue.untag(repository, tag)
      await this.#fillReserve()
      return 'deleted'
    }
    // It runs among the additions, so that no manifest loses its tags meanwhile.
    return this.#gate.adding(() => this.#fenced(() => this.#tagTurns.run(formatReference(reference), remove)))
  }

  deleteManifest(repository: Repository, digest: Digest): Promise<Deletion> {
    const { registry, path } = repository
    const remove = async (): Promise<Deletion> => {
      const found = this.catalogue.find({ registry, path, digest })
      if (found === undefined) return 'absent'
      const parents = await this.#findParents()
      if ([...parents.of(digest)].some((parent) => this.catalogue.find({ registry, path, digest: parent }) !== undefined))
        return 'referenced'
      const tags = this.catalogue.tagsOf(repository, digest)
      // The tags first: a crash in between leaves a manifest without a tag, and never a tag without a manifest.
      if (tags.length > 0) await this.#opened.reserve.spend(() => this.#opened.index.remove(tags.map((tag) => ({ registry, path, tag }))))
      for (const tag of tags) this.catalogue.untag(repository, tag)
      const record = { repository: { registry, path }, descriptor: found.descriptor, deleted: true }
      await this.#opened.reserve.spend(() => this.#opened.journal.append([record]))
      this.catalogue.remove(repository, digest)
      if (!this.catalogue.hasAnywhere(digest)) {
        parents.remove(digest)
        if (!parents.need(digest)) await this.blobs.remove(digest, this.#opened.claim.directory)
      }
      await this.#opened.journal.compact(this.catalogue, this.#opened.claim.directory)
      await this.#fillReserve()
      return 'deleted'
    }
    return this.#gate.deleting(() => this.#fenced(remove))
  }

  deleteBlob(digest: Digest): Promise<Deletion> {
    const remove = async (): Promise<Deletion> => {
      if ((await this.blobs.size(digest)) === undefined) return 'absent'
      if ((await this.#findParents()).need(digest) || this.catalogue.hasAnywhere(digest)) return 'referenced'
      await this.blobs.remove(digest, this.#opened.claim.directory)
      await this.#fillReserve()
      return 'deleted'
    }
    return this.#gate.deleting(() => this.#fenced(remove))
  }

  /** Every manifest is read when something is deleted for the first time: who only ever adds never pays for it. */
  async #findParents(): Promise<Parents> {
    return (this.#parents ??= await Parents.read(this.blobs, this.catalogue, this.#opened.unnamed))
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
