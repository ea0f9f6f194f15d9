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
export type { CheckOptions, Deletion, Layout, LayoutReader, Mismatch, Referrer, ReferrerOptions } from '../layout/layout.ts'
export type { GivenName } from '../layout/entry-name.ts'
export type { SkippedEntry } from '../layout/name-entries.ts'
export type { BlobPart } from '../layout/blob-store.ts'
export type { BlobWriter } from '../layout/blob-writer.ts'
export type { UploadKey } from '../layout/upload-files.ts'
export type { BundledList } from '../bundle/bundle-record.ts'
export { ServedBundle } from '../bundle/served-bundle.ts'
export type { ChunkSink, Content } from '../async/content.ts'
export type { Descriptor } from '../oci/descriptor.ts'
export type { Digest } from '../oci/digest.ts'
export type { BlobUpload, ImageDestination, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
export type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
export type { Platform } from '../oci/platform.ts'
export type { Manifest } from '../oci/manifest.ts'
export type { Reference, Repository } from '../oci/reference.ts'
