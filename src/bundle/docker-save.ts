import { MirrorError, type ErrorCode } from '../errors.ts'
import { imageName, nameOf, type GivenName } from '../layout/entry-name.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import { platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, sha256, digestHash, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isJsonObject, parseJson, parseJsonObject } from '../oci/json-object.ts'
import { manifestOf, maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { Reference } from '../oci/reference.ts'
import type { Archive } from './archive.ts'
import type { BundledImage } from './bundle-record.ts'
import { detectCompression, detectUnsupported, unsupportedMagicBytes } from './compression.ts'
import { ImageArchive, type ForeignOptions } from './image-archive.ts'
import { plainPath } from './scan-tar.ts'
import type { TarEntry } from './tar-map.ts'

/** Where `docker save` lists its images. */
export const savePath = 'manifest.json'

/** An image of a `docker save` archive: paths of its files, and the names that it goes by. */
export interface SavedImage {
  readonly config: string
  readonly tags: readonly string[]
  readonly layers: readonly string[]
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one): one is string => typeof one === 'string') ? value : undefined
}

/** Reads manifest.json: https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format. Throws INVALID_MANIFEST. */
export function parseSavedImages(bytes: Uint8Array, archive: string): readonly SavedImage[] {
  const refuse = (why: string, cause?: unknown): MirrorError =>
    new MirrorError('INVALID_MANIFEST', `${savePath} in ${archive} ${why}`, { cause })
  const document = parseJson(Buffer.from(bytes).toString('utf8'), (cause) => refuse('is not JSON', cause))
  if (!Array.isArray(document)) throw refuse('is not a list of images')
  return document.map((value: unknown) => {
    const { Config: config, RepoTags, Layers } = isJsonObject(value) ? value : {}
    const [tags, layers] = [strings(RepoTags ?? []), strings(Layers ?? [])]
    if (typeof config !== 'string' || tags === undefined || layers === undefined) throw refuse('contains a malformed image entry')
    return { config, tags, layers }
  })
}

const layerType = 'application/vnd.oci.image.layer.v1.tar'

/** Makes manifests of saved images, and notes by digest which file of the archive has which content. */
function manifestMaker(archive: Archive, entries: Map<Digest, TarEntry>, options: CallOptions) {
  const digests = new Map<TarEntry, Descriptor>()
  const refuse = (
    code: ErrorCode,
    why: string,
    hint = 'copy the file again from the machine that created it, or create it again',
  ): MirrorError => new MirrorError(code, `${archive.name}: ${why}`, { hint })

  const find = async (path: string, name: string): Promise<TarEntry> => {
    const plain = plainPath(path)
    if (plain === undefined) throw refuse('INTEGRITY', `${savePath} names a path for ${name} outside the archive`)
    const entry = await archive.find(plain)
    if (entry === undefined) throw refuse('INTEGRITY', `${plain}, a part of ${name}, is missing`)
    return entry
  }

  /** What is not compressed has the digest that the config names; the copy finds out whether that is so. */
  const describe = async (entry: TarEntry, diffId: Digest): Promise<Descriptor> => {
    const known = digests.get(entry)
    if (known !== undefined && (known.mediaType !== layerType || known.digest === diffId)) return known
    const size = Math.min(entry.size, unsupportedMagicBytes)
    const start = await archive.bytes({ ...entry, size }, size, options)
    const unsupported = detectUnsupported(start)?.name
    if (unsupported !== undefined) {
      const why = `the layer ${entry.path} is compressed with ${unsupported}: nodes unpack only gzip and zstd`
      throw refuse('UNSUPPORTED', why, 'load the archive into an Engine, and save it again with docker save')
    }
    const compression = detectCompression(start)
    const hash = digestHash('sha256:')
    if (compression !== undefined) await archive.content(entry, options).read((chunk) => void hash.update(chunk))
    const digest: Digest = compression === undefined ? diffId : `sha256:${hash.digest('hex')}`
    const descriptor = { mediaType: compression === undefined ? layerType : `${layerType}+${compression}`, digest, size: entry.size }
    if (!entries.has(digest)) entries.set(digest, entry)
    digests.set(entry, descriptor)
    return descriptor
  }

  return async (image: SavedImage) => {
    const name = image.tags[0] ?? image.config
    const entry = await find(image.config, name)
    const bytes = await archive.bytes(entry, maxManifestBytes, options)
    const digest = sha256(bytes)
    const [, stated] = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(image.config) ?? []
    if (stated !== undefined && digest !== `sha256:${stated}`)
      throw refuse('INTEGRITY', `the config of ${name} does not match the digest in its file name`)
    const diffIds = diffIdsOf(bytes)
    if (diffIds === undefined) throw refuse('INVALID_MANIFEST', `the config of ${name} does not list its layers`)
    if (diffIds.length !== image.layers.length)
      throw refuse(
        'INVALID_MANIFEST',
        `${savePath} lists ${image.layers.length} layers for ${name}, but its config lists ${diffIds.length}`,
      )
    entries.set(digest, entry)
    const layers: Descriptor[] = []
    for (const [index, path] of image.layers.entries()) layers.push(await describe(await find(path, name), diffIds[index] ?? digest))
    const config = { mediaType: mediaTypes.ociConfig, digest, size: bytes.length }
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }
    const platform = platformOf(bytes)
    return {
      manifest: manifestOf(Buffer.from(JSON.stringify(document)), mediaTypes.ociManifest),
      platforms: platform === undefined ? [] : [formatPlatform(platform)],
    }
  }
}

function diffIdsOf(config: Uint8Array): readonly Digest[] | undefined {
  const document = parseJsonObject(Buffer.from(config).toString('utf8'))
  const rootfs = document?.['rootfs']
  const diffIds = document && strings((isJsonObject(rootfs) ? rootfs['diff_ids'] : undefined) ?? [])
  return diffIds?.every(isDigest) ? diffIds : undefined
}

/** Opens what `docker save` wrote before Docker 25: each image gets a new manifest, the same for the same image. Throws INVALID_MANIFEST, INTEGRITY. */
export async function openDockerSave(archive: Archive, list: TarEntry, { name, ...options }: ForeignOptions = {}): Promise<ImageArchive> {
  const saved = parseSavedImages(await archive.bytes(list, maxManifestBytes, options), archive.name)
  const entries = new Map<Digest, TarEntry>()
  const make = manifestMaker(archive, entries, options)
  const images: BundledImage[] = []
  const made = new Map<Digest, Manifest>()
  const { named, skipped } = nameSaved(saved, name)
  for (const { image, references } of named) {
    const { manifest, platforms } = await make(image)
    made.set(manifest.descriptor.digest, manifest)
    for (const reference of references) images.push({ reference, ...manifest.descriptor, platforms, digestPreserved: false })
  }
  return new ImageArchive(archive, { images, skipped, made, entries })
}

/** The names of the images of a `docker save` archive, without a look at their contents. Throws INVALID_MANIFEST. */
export function savedNames(list: Uint8Array, archive: string): Pick<ImageArchive, 'skipped'> & { readonly names: readonly Reference[] } {
  const { named, skipped } = nameSaved(parseSavedImages(list, archive), undefined)
  return { names: named.flatMap(({ references }) => references), skipped }
}

/** The names of each image, and why other images have no name; the given one is for a single image without a name. */
function nameSaved(saved: readonly SavedImage[], given: GivenName | undefined) {
  const named: { readonly image: SavedImage; readonly references: readonly Reference[] }[] = []
  const skipped: SkippedEntry[] = []
  const nameless = saved.filter(({ tags }) => tags.every((tag) => nameOf({ [imageName]: tag }).reference === undefined))
  const [only, ...others] = given?.tag === undefined ? [] : nameless
  const renamed = others.length > 0 ? undefined : only
  for (const image of saved) {
    if (image === renamed) continue
    const names = image.tags.length === 0 ? [nameOf({})] : image.tags.map((tag) => nameOf({ [imageName]: tag }))
    const references = names.flatMap(({ reference }) => reference ?? [])
    if (references.length > 0) named.push({ image, references })
    const entry = image.config.slice(0, 80)
    for (const { reference, why } of names) if (reference === undefined) skipped.push({ entry, why })
  }
  if (renamed !== undefined && given !== undefined) named.push({ image: renamed, references: [given] })
  return { named, skipped }
}
