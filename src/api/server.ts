import type { Content } from '../async/content.ts'
import type { BundledList, KitFile } from '../bundle/bundle-record.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import type { LayoutReader } from '../layout/layout.ts'
import type { ServedFiles } from '../registry-server/served-files.ts'

export {
  createRegistryServer,
  type AccessRecord,
  type RegistryServer,
  type RegistryServerOptions,
  type ServerTls,
} from '../registry-server/registry-server.ts'
export type { Login, LoginClient } from '../registry-server/authenticator.ts'
export type { LayoutTimes } from '../registry-server/inventory.ts'
export type { PageSources } from '../registry-server/own-paths.ts'
export { openLayout, readLayout, type OpenLayoutOptions, type ReadLayoutOptions } from '../layout/open-layout.ts'
export type { CollectedGarbage, CollectionOptions, Deletion, Layout, LayoutReader, Mismatch, Referrer } from '../layout/layout.ts'
export type { GivenName } from '../layout/entry-name.ts'
export type { SkippedEntry } from '../layout/name-entries.ts'
export { collectGarbage, type CollectGarbageOptions, type GarbageReport } from '../layout/collect-garbage.ts'
export type { CollectionAnswers, CollectionRequest } from '../layout/collection-request.ts'
export type { ExpectedContent } from '../layout/expected-content.ts'
export type { GarbageOptions } from '../registry-server/garbage-collector.ts'
export type { BlobRange } from '../layout/blob-store.ts'
export type { BlobWriter } from '../layout/blob-writer.ts'
export type { UploadKey } from '../layout/upload-files.ts'
export type { BundledList, KitFile } from '../bundle/bundle-record.ts'
export type { ServedFiles } from '../registry-server/served-files.ts'
export type { ChunkSink, Content } from '../async/content.ts'
export type { Descriptor } from '../oci/descriptor.ts'
export type { Digest } from '../oci/digest.ts'
export type {
  BlobUpload,
  FoundManifest,
  ImageDestination,
  OfferedBlob,
  OfferOptions,
  PutManifestOptions,
} from '../oci/image-destination.ts'
export type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
export type { Platform } from '../oci/platform.ts'
export type { Manifest } from '../oci/manifest.ts'
export type { Reference, Repository } from '../oci/reference.ts'

/** A bundle as a readable layout. A damaged blob ends early with INTEGRITY. */
export interface ServedBundle extends LayoutReader, AsyncDisposable {
  /** The releases and lists of its images. */
  readonly lists: readonly BundledList[]
  /** The files of a kit; undefined for a bundle of images only. */
  readonly files: readonly KitFile[] | undefined
  /** A file of a kit or some of its bytes; undefined where it is missing. A damaged one ends early with INTEGRITY. */
  readFile(file: KitFile, range?: BlobRange): Promise<Content | undefined>
}

/** Opens a bundle and reads all its manifests. Throws NOT_FOUND, UNSUPPORTED for another archive, INTEGRITY for a damaged bundle. */
export const ServedBundle: { open(path: string): Promise<ServedBundle> } = {
  open: async (path) => (await import('../bundle/served-bundle.ts')).ServedBundle.open(path),
}

/** Opens the files of the kits in a directory, for `files` of a server; a later push changes what is served. Throws UNSUPPORTED where no kit was pushed there, INVALID_MANIFEST, LOCAL_IO. */
export async function openKitDirectory(directory: string): Promise<ServedFiles> {
  return (await import('../kit/kit-directory.ts')).openKitDirectory(directory)
}
