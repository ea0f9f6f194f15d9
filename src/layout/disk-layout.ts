import type { Content } from '../async/content.ts'
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
import { DiskLayoutReader, type LayoutParts } from './disk-layout-reader.ts'
import { InTurn } from './in-turn.ts'
import type { IndexFile } from './index-file.ts'
import type { LayoutClaim } from './layout-claim.ts'
import type { CheckOptions, Deletion, Layout, Mismatch } from './layout.ts'
import type { ManifestJournal } from './manifest-journal.ts'
import { linksOf, type ManifestLinks } from './manifest-links.ts'
import { Parents, storedLinks } from './parents.ts'
import type { Reserve } from './reserve.ts'
import type { UploadKey } from './upload-files.ts'

/** What writing needs beside. */
export interface WritableLayoutParts extends LayoutParts {
  readonly index: IndexFile
  readonly journal: ManifestJournal
  readonly lock: LayoutClaim
  readonly reserve: Reserve
  /** Entries of index.json without a name: what they need is kept. */
  readonly unnamed: readonly Descriptor[]
}

/** A layout with the right to write to it; a manifest counts as stored when a reader that opens the layout later finds it. */
export class DiskLayout extends DiskLayoutReader implements Layout {
  readonly #index: IndexFile
  readonly #journal: ManifestJournal
  readonly #lock: LayoutClaim
  readonly #reserve: Reserve
  readonly #gate = new DeletionGate()
  /** The changes of each tag: what is told from memory must be what the last of them left in index.json. */
  readonly #tagTurns = new InTurn()
  readonly #unnamed: readonly Descriptor[]
  /** Manifests that entries without a name need. */
  readonly #kept = new Set<Digest>()
  #parents: Parents | undefined
  #isClosed = false

  constructor(parts: WritableLayoutParts) {
    super(parts)
    this.#index = parts.index
    this.#journal = parts.journal
    this.#lock = parts.lock
    this.#reserve = parts.reserve
    this.#unnamed = parts.unnamed
  }

  get lost(): AbortSignal {
    return this.#lock.lost
  }

  confirm(): Promise<void> {
    return this.#lock.confirm()
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
        if (writer.size + chunk.length > size) throw new MirrorError('INTEGRITY', `${digest} should have ${size} bytes and has more`)
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

  async putCheckedManifest(reference: Reference, manifest: Manifest, options: CheckOptions = {}): Promise<readonly Mismatch[]> {
    const links = linksOf(contentsOf(manifest))
    return this.#gate.adding(async () => {
      const all = await this.#mismatches(reference, links)
      const mismatches = options.isSparse === true ? all.filter(({ actualSize }) => actualSize !== undefined) : all
      if (mismatches.length === 0) await this.#fenced(() => this.#store(reference, manifest, links))
      return mismatches
    })
  }

  async #mismatches({ registry, path }: Repository, { manifests, blobs }: ManifestLinks): Promise<Mismatch[]> {
    const mismatches: Mismatch[] = []
    const children = new Set(manifests)
    for (const descriptor of [...manifests, ...blobs]) {
      const { mediaType, digest, size } = descriptor
      const isChild = children.has(descriptor) && (isIndexType(mediaType) || isImageType(mediaType))
      const actualSize = isChild ? (await this.headManifest({ registry, path, digest }))?.size : await this.blobs.size(digest)
      if (actualSize === size) continue
      // What is damaged counts as absent, so that whoever has it brings it again.
      mismatches.push({ descriptor, actualSize: (await this.blobs.isWhole(digest)) ? actualSize : undefined })
    }
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
    const repository = { registry: reference.registry, path: reference.path }
    if (reference.digest !== undefined && reference.digest !== digest) {
      throw new MirrorError('INTEGRITY', `${formatReference(reference)} cannot be stored with the bytes of ${digest}`)
    }
    if ((await this.blobs.size(digest)) !== size || !(await this.blobs.verify(digest))) {
      const writer = await this.startBlob(digest.startsWith('sha512:') ? 'sha512' : 'sha256')
      try {
        await writer.write(manifest.bytes)
        await writer.commit(digest, size)
      } catch (error) {
        await writer.discard()
        throw error
      }
    }
    if (this.catalogue.find({ ...repository, digest }) === undefined) {
      await this.#journal.append([{ repository, descriptor, subject: links.subject }])
      this.catalogue.add(repository, { descriptor, subject: links.subject })
      this.#parents?.add(digest, links)
    }
    const { tag } = reference
    if (tag === undefined) return
    const tagged = { ...repository, tag }
    await this.#tagTurns.run(formatReference(tagged), async () => {
      await this.#index.set(tagged, descriptor)
      this.catalogue.tag(repository, tag, digest)
    })
    await this.#fillReserve()
  }

  /** Deletions write both files anew at most. */
  #fillReserve(): Promise<void> {
    return this.#reserve.fill(this.#index.size + this.#journal.size)
  }

  deleteTag(repository: Repository, tag: string): Promise<Deletion> {
    const reference = { registry: repository.registry, path: repository.path, tag }
    const remove = async (): Promise<Deletion> => {
      if (this.catalogue.find(reference) === undefined) return 'absent'
      await this.#reserve.spend(() => this.#index.remove([reference]))
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
      if (tags.length > 0) await this.#reserve.spend(() => this.#index.remove(tags.map((tag) => ({ registry, path, tag }))))
      for (const tag of tags) this.catalogue.untag(repository, tag)
      const record = { repository: { registry, path }, descriptor: found.descriptor, deleted: true }
      await this.#reserve.spend(() => this.#journal.append([record]))
      this.catalogue.remove(repository, digest)
      if (!this.catalogue.hasAnywhere(digest) && !this.#kept.has(digest)) {
        parents.remove(digest)
        if (parents.of(digest).size === 0) await this.blobs.remove(digest, this.#lock.claim)
      }
      await this.#journal.compact(this.catalogue, this.#lock.claim)
      await this.#fillReserve()
      return 'deleted'
    }
    return this.#gate.deleting(() => this.#fenced(remove))
  }

  deleteBlob(digest: Digest): Promise<Deletion> {
    const remove = async (): Promise<Deletion> => {
      if ((await this.blobs.size(digest)) === undefined) return 'absent'
      const parents = await this.#findParents()
      if (parents.of(digest).size > 0 || this.catalogue.hasAnywhere(digest) || this.#kept.has(digest)) return 'referenced'
      await this.blobs.remove(digest, this.#lock.claim)
      await this.#fillReserve()
      return 'deleted'
    }
    return this.#gate.deleting(() => this.#fenced(remove))
  }

  /** Every manifest is read when something is deleted for the first time: who only ever adds never pays for it. */
  async #findParents(): Promise<Parents> {
    if (this.#parents !== undefined) return this.#parents
    const parents = new Parents()
    const seen = new Set<Digest>()
    const read = async (digest: Digest, mediaType?: string): Promise<ManifestLinks | undefined> => {
      if (seen.has(digest)) return undefined
      seen.add(digest)
      const links = await storedLinks(this.blobs, digest, mediaType)
      if (links !== undefined) parents.add(digest, links)
      return links
    }
    const keep = async (digest: Digest): Promise<void> => {
      if (this.#kept.has(digest)) return
      this.#kept.add(digest)
      for (const child of (await read(digest))?.manifests ?? []) await keep(child.digest)
    }
    for (const { digest } of this.#unnamed) await keep(digest)
    for (const repository of this.catalogue.repositories())
      for (const { descriptor } of this.catalogue.manifests(repository)) await read(descriptor.digest, descriptor.mediaType)
    this.#parents = parents
    return parents
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MirrorError('INTERNAL', `the layout ${this.directory} is closed`)
    this.lost.throwIfAborted()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#gate.deleting(() => this.#journal.close())
    await this.#lock.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
