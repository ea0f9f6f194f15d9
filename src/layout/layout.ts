import type { Content } from '../async/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import type { BlobRange } from './blob-store.ts'
import type { BlobWriter } from './blob-writer.ts'
import type { CollectionAnswers, CollectionRequest } from './collection-request.ts'
import type { ExpectedContent } from './expected-content.ts'
import type { SkippedEntry } from './name-entries.ts'
import type { UploadKey } from './upload-files.ts'

/** An entry of a referrers list: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers */
export interface Referrer extends Descriptor {
  readonly artifactType?: string
}

/** Content that a manifest refers to and that the layout does not have as it is described there. */
export interface Mismatch {
  readonly descriptor: Descriptor
  /** Bytes of what the layout has under that digest; undefined where it has nothing. */
  readonly actualSize: number | undefined
}

/** What became of a deletion: `referenced` means that a manifest still needs the content, which is therefore kept. */
export type Deletion = 'deleted' | 'absent' | 'referenced'

/** What a collection removes, or would remove, and what it keeps for the time being. */
export interface CollectedGarbage {
  readonly removed: {
    /** Images and other artifacts that no tag reaches, as `registry/repository@digest`. */
    readonly images: readonly string[]
    /** Manifests of these images. */
    readonly manifests: number
    readonly blobs: number
    /** Tags of signatures and the like whose image is removed. */
    readonly tags: number
    /** Bytes of the files; those with a further hard link count 0. */
    readonly bytes: number
  }
  /** What no tag reaches and what was stored, or promised to a client, within the grace period. */
  readonly kept: { readonly manifests: number; readonly blobs: number; readonly bytes: number }
  /** Paths in the layout of files that are not part of it, at most 100; they are never removed. */
  readonly unknownFiles: readonly string[]
}

/** How garbage is collected. */
export interface CollectionOptions {
  /** What was stored or promised to a client within so many milliseconds is kept. */
  readonly graceMilliseconds: number
  readonly signal?: AbortSignal | undefined
}

/** A layout to read. A blob belongs to no repository and is read through any of them; manifests and tags belong to the one they were stored for. */
export interface LayoutReader extends ImageSource {
  /** Entries of index.json that no repository has, because they have no whole name; they are kept as they are. */
  readonly skipped: readonly SkippedEntry[]
  /** Every repository that has a manifest, in no order. */
  repositories(): readonly Repository[]
  /** True when the repository has a manifest. */
  hasRepository(repository: Repository): boolean
  /** True when the repository has a manifest, or has had one that was deleted. */
  knowsRepository(repository: Repository): boolean
  /** The tags of a repository in the order of their bytes. */
  tags(repository: Repository): readonly string[]
  /** The K3s releases that a tag is known to belong to; empty where none was recorded. */
  releases(repository: Repository, tag: string): readonly string[]
  /** Bytes that all blobs and manifests take on the disk. */
  storedBytes(): Promise<number>
  /** Bytes of a blob; undefined when the layout does not have it. */
  blobSize(digest: Digest): Promise<number | undefined>
  /** A blob's bytes, or some of them; undefined when the layout does not have it. */
  readBlob(digest: Digest, range?: BlobRange): Promise<Content | undefined>
  /** The manifests of a repository whose subject this is, in the order of their digests, from the one behind `after` on; each is read when its turn comes. */
  referrers(repository: Repository, subject: Digest, options?: { readonly after?: Digest | undefined }): AsyncIterable<Referrer>
  verifyBlob(digest: Digest, options?: CallOptions): Promise<boolean>
}

/** A layout that only this process writes to. */
export interface Layout extends LayoutReader, ImageDestination, AsyncDisposable {
  readonly directory: string
  /** Aborted once another process has taken over the layout, after which this one only reads; its reason is a LAYOUT_LOCKED error. */
  readonly lost: AbortSignal
  /** What clients count on, for collections. */
  readonly expected: ExpectedContent
  /** Throws LAYOUT_LOCKED if another process has taken over the layout. */
  confirm(): Promise<void>
  /** Starts a blob whose digest is said at its end; the algorithm is the one that costs nothing then. */
  startBlob(algorithm?: 'sha256' | 'sha512'): Promise<BlobWriter>
  /** Starts a blob that a later process may resume, within a day after its last byte. */
  startUpload(key: UploadKey, algorithm?: 'sha256' | 'sha512'): Promise<BlobWriter>
  /** Resumes an upload after the bytes on the disk; undefined for an unknown upload, or one that is being written to. */
  resumeUpload(key: UploadKey): Promise<BlobWriter | undefined>
  /** Stores a manifest if the repository has its children and the layout its blobs, each of its size; the answer is what is not so, and then nothing was stored; `isSparse` allows what is absent. */
  putCheckedManifest(reference: Reference, manifest: Manifest, options?: { readonly isSparse?: boolean }): Promise<readonly Mismatch[]>
  /** Records the releases that tags belong to, in addition to those recorded before; unknown tags are ignored. */
  recordReleases(images: readonly { readonly reference: Reference; readonly releases: readonly string[] }[]): Promise<void>
  /** Bytes of a blob or manifest, undefined where it is absent; present content, and with `isComing` content that is about to be stored, is kept for the grace period of a collection, so that a client can store a manifest that refers to it. */
  expectContent(repository: Repository, digest: Digest, options?: { readonly isComing?: boolean }): Promise<number | undefined>
  /** Removes what no tag reaches, except for what clients were promised or stored within the grace period. */
  collectGarbage(options: CollectionOptions): Promise<CollectedGarbage>
  /** Answers requests of other processes, which cannot write to the layout meanwhile, for a collection. */
  answerCollections(collect: (request: CollectionRequest) => Promise<object>): Promise<CollectionAnswers>
  /** Takes a tag away; the manifest stays until garbage is collected. */
  deleteTag(repository: Repository, tag: string): Promise<Deletion>
  /** Takes a manifest and its tags out of a repository, unless an index of that repository refers to it. */
  deleteManifest(repository: Repository, digest: Digest): Promise<Deletion>
  /** Removes a blob from the layout, unless a manifest of any repository refers to it. */
  deleteBlob(digest: Digest): Promise<Deletion>
  /** Ends writing and gives the layout back; blobs that were not committed are gone, but uploads that were suspended. */
  close(): Promise<void>
}
