import { MirrorError } from '../errors.ts'
import { formatIndexEntry } from '../layout/entry-name.ts'
import { sha256, type Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { StepContents } from '../plan/plan.ts'
import { formatBundleRecord, maxRecordBytes, recordPath, type BundledImage, type BundleRecord, type KitFile } from './bundle-record.ts'
import { mapTar, type TarMap } from './tar-map.ts'

/** A bundle before it is written: its small files with their bytes, and the position of everything. */
export interface BundleContents {
  readonly map: TarMap
  /** By path: what is known before a blob has moved. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** By path: blobs, and the files of a kit that are not among `files`; their bytes come later. */
  readonly streamed: ReadonlyMap<string, { readonly digest: Digest; readonly size: number }>
  readonly elsewhere: ReadonlySet<Digest>
}

/** What index.json states about an image. */
type NamedRoot = Pick<BundledImage, 'reference' | 'mediaType' | 'digest' | 'size'>

/** Where an OCI layout names its images: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file */
export const indexPath = 'index.json'

/** The file that marks a directory or an archive as an OCI layout. */
export const layoutPath = 'oci-layout'

/** What stands in `oci-layout`: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file */
export const layoutVersion = '{"imageLayoutVersion":"1.0.0"}'

/** Where content lies in an OCI layout: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#blobs */
export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** The annotation of index.json that holds the digest of a bundle's record. */
const recordDigest = 'io.k3s-mirror.record.digest'

function formatIndex(images: readonly NamedRoot[], annotations?: Readonly<Record<string, string>>): Buffer {
  const entries = images.map(({ reference, mediaType, digest, size }) => formatIndexEntry(reference, { mediaType, digest, size }))
  const noted = annotations === undefined ? '' : `"annotations":${JSON.stringify(annotations)},`
  return Buffer.from(`{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}",${noted}"manifests":[\n${entries.join(',\n')}\n]}\n`)
}

/** The index.json of a bundle. It names the digest of the record, so that a bit that turned in one of them shows: no blob's digest covers a name. */
export function formatBundleIndex({ images }: BundleRecord, recordBytes: Uint8Array): Buffer {
  return formatIndex(images, { [recordDigest]: sha256(recordBytes) })
}

/**
 * Arranges a bundle without what its base has, in one order for one selection: the files of a kit whose bytes are in `held`, record and index, the other
 * files of a kit, manifests, blobs. Throws UNSUPPORTED for too much.
 */
export function arrangeBundle(
  record: BundleRecord,
  contents: readonly StepContents[],
  held: ReadonlyMap<string, Uint8Array> = new Map(),
): BundleContents {
  const elsewhere = new Set(record.base?.contents.map(({ digest }) => digest))
  const bytes = formatBundleRecord(record)
  const named = { [indexPath]: formatBundleIndex(record, bytes), [recordPath]: bytes }
  return arrange(named, contents, { elsewhere, kit: record.files ?? [], held })
}

/** Arranges an OCI layout without a record: what an image lacks there, such as other platforms, was left out on purpose. Throws UNSUPPORTED for too much. */
export function arrangeLayout(images: readonly NamedRoot[], contents: readonly StepContents[]): BundleContents {
  return arrange({ [indexPath]: formatIndex(images) }, contents, { elsewhere: new Set(), kit: [], held: new Map() })
}

function arrange(
  named: Readonly<Record<string, Buffer>>,
  contents: readonly StepContents[],
  {
    elsewhere,
    kit,
    held,
  }: Pick<BundleContents, 'elsewhere'> & { readonly kit: readonly KitFile[]; readonly held: ReadonlyMap<string, Uint8Array> },
): BundleContents {
  const manifests = new Map<Digest, Manifest>()
  const blobs = new Map<Digest, number>()
  for (const { manifests: own, blobs: needed } of contents) {
    for (const manifest of own) if (!elsewhere.has(manifest.descriptor.digest)) manifests.set(manifest.descriptor.digest, manifest)
    for (const { digest, size } of needed) if (!elsewhere.has(digest)) blobs.set(digest, size)
  }
  if (Math.max(...Object.values(named).map(({ length }) => length)) > maxRecordBytes) {
    throw new MirrorError('UNSUPPORTED', `the record of the bundle would be larger than ${maxRecordBytes / 1_048_576} MiB`, {
      hint: 'create several bundles with fewer images',
    })
  }
  const files = new Map<string, Uint8Array>([...held, [layoutPath, Buffer.from(layoutVersion)], ...Object.entries(named)])
  const fetched = kit.filter(({ path }) => !held.has(path))
  const executable = new Set(kit.filter((file) => file.executable === true).map(({ path }) => path))
  const first = [...files].map(([path, bytes]) => ({ path, size: bytes.length }))
  for (const digest of [...manifests.keys()].toSorted()) files.set(blobPath(digest), manifests.get(digest)?.bytes ?? new Uint8Array())
  const sorted = [...blobs].filter(([digest]) => !manifests.has(digest)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const map = mapTar(
    [
      ...first,
      ...fetched,
      ...[...files].slice(first.length).map(([path, bytes]) => ({ path, size: bytes.length })),
      ...sorted.map(([digest, size]) => ({ path: blobPath(digest), size })),
    ].map(({ path, size }) => ({ path, size, ...(executable.has(path) && { executable: true }) })),
  )
  const streamed = new Map(
    [...fetched, ...sorted.map(([digest, size]) => ({ path: blobPath(digest), digest, size }))].map((one) => [one.path, one]),
  )
  return { map, files, streamed, elsewhere }
}
