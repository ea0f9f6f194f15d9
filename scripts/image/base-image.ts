import { stat } from 'node:fs/promises'
import { readAll } from '../../src/async/content.ts'
import { openImageArchive } from '../../src/bundle/open-image-archive.ts'
import { readLayout } from '../../src/layout/open-layout.ts'
import { platformOf } from '../../src/oci/config-platform.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { hasDigest, type Digest } from '../../src/oci/digest.ts'
import { layoutDirectory } from '../../src/oci/image-destination.ts'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { contentsOf, type ImageContents } from '../../src/oci/manifest.ts'
import { formatPlatform, matchesPlatform, pickEntries, type Platform } from '../../src/oci/platform.ts'
import { atDigest, formatReference, withoutPin, type Reference } from '../../src/oci/reference.ts'

/** What an image's config says that an image on top of it keeps: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
export interface BaseConfig {
  readonly config?: { readonly Env?: readonly string[]; readonly Labels?: Readonly<Record<string, string>> }
  readonly rootfs: { readonly diff_ids: readonly string[] }
  readonly history?: readonly object[]
}

/** The part of a base image that is for one platform. */
export interface BaseImage {
  readonly config: BaseConfig
  readonly layers: readonly Descriptor[]
  readonly blobs: ReadonlyMap<Digest, Buffer>
}

/** The one image of a layout or archive, which others are built on. */
export interface OpenedBase extends AsyncDisposable {
  /** Undefined where the image has no name or only a tag. */
  readonly name: string | undefined
  readonly digest: Digest
  /** Throws an Error where the image is not for this platform. */
  forPlatform(platform: Platform): Promise<BaseImage>
}

/** In place of the name that the image may lack. */
const unnamed = { registry: 'localhost', path: 'base', tag: 'latest' }

function isUnnamed({ registry, path }: Reference): boolean {
  return registry === unnamed.registry && path === unnamed.path
}

/** Opens a base: `oci:<directory>`, the directory of a layout, or an archive of `docker save`, skopeo or k3s-mirror. Throws an Error unless it has one image. */
export async function openBase(place: string): Promise<OpenedBase> {
  const path = layoutDirectory(place, 'base') ?? place
  const { source, images, close } = (await stat(path)).isDirectory() ? await openDirectory(path) : await openArchive(path)
  const [root] = images
  const digest = root?.digest
  if (root === undefined || digest === undefined || images.length > 1)
    throw new Error(`the base ${place} has ${images.length} images: pass a layout or archive with one`)
  return {
    name: isUnnamed(root) ? undefined : formatReference(withoutPin(root)),
    digest,
    forPlatform: (platform) => readPlatformOf(source, root, platform),
    [Symbol.asyncDispose]: close,
  }
}

type Source = Pick<ImageSource, 'getManifest' | 'getBlob'>
interface Opened {
  readonly source: Source
  readonly images: readonly Reference[]
  readonly close: () => Promise<void>
}

async function openDirectory(path: string): Promise<Opened> {
  const layout = await readLayout(path, { name: unnamed })
  const tags = layout.repositories().flatMap((repository) => layout.tags(repository).map((tag) => ({ ...repository, tag })))
  const images = await Promise.all(tags.map(async (one) => ({ ...one, digest: (await layout.getManifest(one)).descriptor.digest })))
  return { source: layout, images, close: async () => undefined }
}

async function openArchive(path: string): Promise<Opened> {
  const archive = await openImageArchive(path, { name: unnamed })
  const images = archive.images.map(({ reference, digest }) => ({ ...reference, digest }))
  return { source: archive, images, close: () => archive[Symbol.asyncDispose]() }
}

async function readPlatformOf(source: Source, root: Reference, platform: Platform): Promise<BaseImage> {
  const blobs = new Map<Digest, Buffer>()
  const read = async (blob: Descriptor): Promise<Buffer> => {
    const bytes = await readAll(await source.getBlob(root, blob))
    if (!hasDigest(bytes, blob.digest)) throw new Error(`the base is damaged: ${blob.digest} does not match its digest`)
    return bytes
  }
  const image = await findImage(source, root, platform)
  const bytes = image && (await read(image.config))
  const own = bytes && platformOf(bytes)
  if (image === undefined || bytes === undefined || own === undefined || !matchesPlatform(own, platform))
    throw new Error(`the base has no image for ${formatPlatform(platform)}: pass another base, or leave the platform out with --platform`)
  for (const layer of image.layers) blobs.set(layer.digest, await read(layer))
  return { config: JSON.parse(bytes.toString('utf8')) as BaseConfig, layers: image.layers, blobs }
}

async function findImage(source: Source, reference: Reference, platform: Platform): Promise<ImageContents | undefined> {
  const contents = contentsOf(await source.getManifest(reference))
  if (contents.kind === 'image') return contents
  const [entry] = pickEntries(contents.manifests, platform)
  return entry && findImage(source, atDigest(reference, entry.digest), platform)
}
