import { yielding } from '../async/yielding.ts'
import { MirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject, parseJson } from '../oci/json-object.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'
import { conflictOf, isKitPath } from './kit-path.ts'

/** Content that an image needs. */
export interface NeededContent {
  readonly digest: Digest
  readonly size: number
  readonly isManifest: boolean
}

/** Content that a bundle holds, and an image of it: in whose repository a destination has the content after a push. */
export interface HeldContent extends NeededContent {
  readonly image: Reference
}

/** What has to be where a bundle is pushed to, because an earlier bundle brought it. */
export interface BundleBase {
  readonly bundle: string
  /** In the order of the digests. */
  readonly contents: readonly HeldContent[]
  /** Files of a kit that an earlier kit brought, in the order of their paths; absent without any. */
  readonly files?: readonly KitFile[]
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function invalidBase(why: string): MirrorError {
  return new MirrorError('INVALID_MANIFEST', `invalid bundle contents: ${why}`)
}

function parseContent(value: unknown): HeldContent {
  const { digest, size, kind, image } = isJsonObject(value) ? value : {}
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalidBase('content without a digest')
  if (!isSize(size)) throw invalidBase('content without a size')
  if (kind !== 'manifest' && kind !== 'blob') throw invalidBase('content that is neither manifest nor blob')
  if (typeof image !== 'string') throw invalidBase('content without an image')
  return { digest, size, isManifest: kind === 'manifest', image: parseReference(image) }
}

/** Reads a base from a document. Throws INVALID_MANIFEST. */
export function parseBundleBase(value: unknown): BundleBase {
  const { schemaVersion, bundle, contents, files } = isJsonObject(value) ? value : {}
  if (schemaVersion !== 1) throw invalidBase('unknown schemaVersion')
  if (typeof bundle !== 'string' || !isDigest(bundle)) throw invalidBase('the bundle has no digest')
  if (!Array.isArray(contents)) throw invalidBase('the list of contents is missing')
  return { bundle, contents: contents.map(parseContent), ...(Array.isArray(files) && { files: parseKitFiles(files) }) }
}

/** A base as a document that parseBundleBase reads. */
function formatBundleBase({ bundle, contents, files }: BundleBase): object {
  const documents = contents.map(({ digest, size, isManifest, image }) => {
    return { digest, size, kind: isManifest ? 'manifest' : 'blob', image: formatReference(image) }
  })
  return { schemaVersion: 1, bundle, contents: documents, ...(files && { files: files.map(formatFile) }) }
}

/** One image of a bundle. */
export interface BundledImage {
  readonly reference: Reference
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  /** `os/arch[/variant]`. */
  readonly platforms: readonly string[]
  /** False where a subset of platforms made a new index with a digest of its own. */
  readonly digestPreserved: boolean
  /** The K3s releases whose lists name the image; absent without any. */
  readonly releases?: readonly string[]
  /** Present for a signature, an attestation, an SBOM or a referrer in an archive: the root in the same repository that it belongs to. */
  readonly about?: Digest
}

/** A list that images of a bundle came from. */
export interface BundledList {
  readonly name: string
  readonly release?: string
  readonly sha256: string
  readonly images: number
}

/** A file that a kit has next to its images. */
export interface KitFile {
  /** Where it lies in the kit, and below the address of `kit serve`: `k3s/v1.37.1+k3s1/k3s-arm64`. */
  readonly path: string
  readonly digest: Digest
  readonly size: number
  /** The K3s release that it belongs to; absent for what belongs to none. */
  readonly release?: string
  /** Mode bits of an executable file are 0755 instead of 0644. */
  readonly executable?: boolean
}

/** Files of kits in the order of their paths, in which records and lists have them. */
export function inPathOrder<T extends Pick<KitFile, 'path'>>(files: Iterable<T>): readonly T[] {
  return [...files].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** The files of a kit and of those before it, of one path the later one, in the order of their paths. */
export function knownFiles(before: Iterable<KitFile> = [], files: Iterable<KitFile> = []): readonly KitFile[] {
  return inPathOrder(new Map([...before, ...files].map((file) => [file.path, file])).values())
}

/** The record of a bundle, in `k3s-mirror.json`. */
export interface BundleRecord {
  /** `k3s-mirror/<version>` of what made it. */
  readonly tool: string
  readonly lists: readonly BundledList[]
  readonly images: readonly BundledImage[]
  /** The files of a kit, in the order of their paths; absent in a bundle of images only. */
  readonly files?: readonly KitFile[]
  /** What the images need and the bundle does not hold, because an earlier one brought it. */
  readonly base?: BundleBase
}

/** Bytes that the record of a bundle may have, and its index.json. */
export const maxRecordBytes: number = 64 * 1024 * 1024

/** Where the record lies in a bundle. */
export const recordPath = 'k3s-mirror.json'

function formatFile({ path, digest, size, release, executable }: KitFile): object {
  return { path, digest, size, release, executable }
}

/** Writes a record; the same record gives the same bytes. */
export function formatBundleRecord({ tool, lists, images, files, base }: BundleRecord): Buffer {
  const document = {
    schemaVersion: 1,
    tool,
    lists: lists.map(({ name, release, sha256, images: count }) => ({ name, release, sha256, images: count })),
    images: images.map(({ reference, mediaType, digest, size, platforms, digestPreserved, releases }) => {
      return { reference: formatReference(reference), mediaType, digest, size, platforms, digestPreserved, releases }
    }),
    ...(files && { files: files.map(formatFile) }),
    ...(base && { base: formatBundleBase(base) }),
  }
  return Buffer.from(`${JSON.stringify(document, null, 1)}\n`)
}

function invalid(why: string, cause?: unknown): MirrorError {
  return new MirrorError('INVALID_MANIFEST', `${recordPath} ${why}`, { cause })
}

function parseImage(value: unknown): BundledImage {
  if (!isJsonObject(value)) throw invalid('contains a malformed image entry')
  const { reference, mediaType, digest, size, platforms, digestPreserved, releases } = value
  if (typeof reference !== 'string' || typeof mediaType !== 'string') throw invalid('contains an image without a name or a media type')
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('contains an image without a valid digest')
  if (!isSize(size)) throw invalid('contains an image without a valid size')
  return {
    reference: parseReference(reference),
    mediaType,
    digest,
    size,
    platforms: Array.isArray(platforms) ? platforms.filter((platform) => typeof platform === 'string') : [],
    digestPreserved: digestPreserved !== false,
    ...(Array.isArray(releases) && { releases: releases.filter((release) => typeof release === 'string') }),
  }
}

function parseList(value: unknown): BundledList {
  const { name, release, sha256, images } = isJsonObject(value) ? value : {}
  if (typeof name !== 'string' || typeof sha256 !== 'string' || typeof images !== 'number') throw invalid('contains a malformed list entry')
  return { name, ...(typeof release === 'string' && { release }), sha256, images }
}

function parseKitFile(value: unknown): KitFile {
  const { path, digest, size, release, executable } = isJsonObject(value) ? value : {}
  if (typeof path !== 'string' || !isKitPath(path)) throw invalid('contains a file without a valid path')
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('contains a file without a valid digest')
  if (!isSize(size)) throw invalid('contains a file without a valid size')
  return { path, digest, size, ...(typeof release === 'string' && { release }), ...(executable === true && { executable }) }
}

/** Reads the files of a kit from a document; all of them can be in one directory. Throws INVALID_MANIFEST. */
export function parseKitFiles(values: readonly unknown[]): readonly KitFile[] {
  const files = values.map(parseKitFile)
  const conflict = conflictOf(files.map(({ path }) => path))
  if (conflict !== undefined) throw invalid(`contains two files for one path: ${conflict.join(' and ')}`)
  return files
}

/** Reads a record. Throws INVALID_MANIFEST, and UNSUPPORTED for a later schemaVersion. */
export async function parseBundleRecord(bytes: Uint8Array): Promise<BundleRecord> {
  const document = parseJson(Buffer.from(bytes).toString('utf8'), (cause) => invalid('is not JSON', cause))
  if (!isJsonObject(document)) throw invalid('is not a JSON object')
  const { schemaVersion, tool, lists, images, files, base } = document
  if (schemaVersion !== 1) {
    throw new MirrorError('UNSUPPORTED', `${recordPath} has an unsupported schemaVersion`, { hint: 'update k3s-mirror' })
  }
  if (!Array.isArray(images) || !Array.isArray(lists)) throw invalid('has no lists or no images')
  const pause = yielding()
  const parsed: BundledImage[] = []
  for (const image of images) {
    await pause()
    parsed.push(parseImage(image))
  }
  return {
    tool: typeof tool === 'string' ? tool : '',
    lists: lists.map(parseList),
    images: parsed,
    ...(Array.isArray(files) && { files: parseKitFiles(files) }),
    ...(base !== undefined && { base: parseBundleBase(base) }),
  }
}
