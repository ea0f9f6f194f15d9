import pLimit from 'p-limit'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { resolveChannel } from './channel.ts'
import type { ListFetchOptions, ListSources } from './fetch-file.ts'
import { fetchReleaseList, listSha256Of, requireSha256 } from './fetch-release-list.ts'
import type { ImageFilterOptions } from './image-filter.ts'
import { parseImageList, parseReferences, type ImageList, type NotedImages, type SelectedList } from './image-list.ts'
import { decodeList } from './list-text.ts'
import type { ByteStream } from './read-list-file.ts'
import { isUrl, readListSource } from './read-list-source.ts'
import { parseReleaseName, type ReleaseName } from './version.ts'

/** Which images are meant: everything that is named here together, without duplicates. */
export interface ImageSelection extends ImageFilterOptions, ListSources {
  /** Release tags (`v1.37.1+k3s1`) and channels (`stable`, `v1.36`). */
  readonly releases?: readonly string[] | undefined
  /** Text lists, by path, http or https URL, or `-` for `stdin`; bundles, archives and lock files by path; layouts as `oci:<directory>`. */
  readonly images?: readonly string[] | undefined
  /** Kubernetes manifests, by path, http or https URL, or `-` for `stdin`: the images that their pods, Plans and other resources name. */
  readonly manifests?: readonly string[] | undefined
  /** Add `docker.io/rancher/k3s-upgrade` of each release, which the system upgrade controller pulls. */
  readonly withUpgradeImages?: boolean | undefined
  /** Single image references. */
  readonly references?: readonly string[] | undefined
  /** A lock file by path: its digests are used, whatever the tags name now; every selected image must be in it. Without another selection, all of its images. */
  readonly locked?: string | undefined
  /** What `-` reads. */
  readonly stdin?: ByteStream | undefined
}

/** A selection, and how its lists are fetched. */
export interface SelectionOptions extends ImageSelection, ListFetchOptions {}

/** The images that a bundle, an archive, a lock file or a layout names. */
export interface PlacedImages extends NotedImages {
  readonly lists: readonly Omit<SelectedList, 'coverage'>[]
  /** The releases whose lists name an image, by its full reference; present where the place states it for each image. */
  readonly releases?: ReadonlyMap<string, readonly string[]>
}

/** Reads the images that a place names, by its path or as `oci:<directory>`; undefined for a text list. */
export type ReadPlacedImages = (place: string, options: CallOptions) => Promise<PlacedImages | undefined>

/** Reads the images that the text of a list names, where it is a lock file; undefined for a text list. */
export type ReadLockedImages = (text: string, name: string) => Promise<PlacedImages | undefined>

/** What reads images from other than text lists. */
export interface PlaceReaders {
  readonly place: ReadPlacedImages
  readonly lock: ReadLockedImages
}

/** Images, and the lists that name them. */
interface ReadImages extends PlacedImages {
  readonly lists: readonly SelectedList[]
  /** The release that the images belong to; absent for a bundle of several, which does not state which of them names an image. */
  readonly release?: string | undefined
}

const listsAtOnce = 8

function usage(message: string, hint?: string): MirrorError {
  return new MirrorError('USAGE', message, { hint })
}

function withoutRelease(): MirrorError {
  return usage('options.withUpgradeImages requires a release: the upgrade image is of that version', 'pass options.releases with it')
}

/** Normalised and checked options: what can be refused without a request is refused here. */
function checkOptions(options: SelectionOptions): SelectionOptions & { readonly names: readonly ReleaseName[] } {
  const { releases = [], images = [], manifests = [], references = [], withUpgradeImages = false, listSha256 } = options
  if (releases.length + images.length + manifests.length + references.length === 0) {
    throw usage(
      'no images are selected',
      'pass options.releases, options.images, options.manifests, options.locked, or references as arguments',
    )
  }
  if (withUpgradeImages && releases.length + images.length === 0) throw withoutRelease()
  if (listSha256 !== undefined && !/^[0-9a-f]{64}$/i.test(listSha256)) throw usage('options.listSha256 is not 64 hexadecimal digits')
  if (listSha256 !== undefined && releases.length + images.length !== 1) {
    throw usage('options.listSha256 needs exactly one list', 'pass one options.releases or one options.images with it')
  }
  if ([...images, ...manifests].filter((name) => name === '-').length > 1) {
    throw usage('standard input is given twice: it can be read only once')
  }
  return {
    ...options,
    names: releases.map(parseReleaseName),
    artifactUrl: options.artifactUrl || undefined,
    channelUrl: options.channelUrl || undefined,
    listSha256: listSha256?.toLowerCase(),
  }
}

/** The images of a list that the caller names; its only checksum is the one in the options. */
async function readOwnImages(
  client: HttpClient,
  given: string,
  options: SelectionOptions,
  readers: PlaceReaders | undefined,
): Promise<ReadImages> {
  const placed = given === '' || given === '-' || isUrl(given) ? undefined : await readers?.place(given, options)
  if (placed === undefined) return checkOwnList(client, given, options, readers)
  if (options.listSha256 !== undefined) {
    throw usage(`options.listSha256 is only for text lists: "${given}" is not a text list`, 'remove options.listSha256')
  }
  const lists = placed.lists.map((list) => ({ ...list, coverage: 'none' as const }))
  return { ...placed, lists, release: lists.length === 1 ? lists[0]?.release : undefined }
}

async function checkOwnList(
  client: HttpClient,
  given: string,
  options: SelectionOptions,
  readers: PlaceReaders | undefined,
): Promise<ReadImages> {
  const [name, bytes] = await readListSource(client, given, { ...options, option: 'options.images', noun: 'an image list' })
  const sha256 = listSha256Of(bytes)
  if (options.listSha256 !== undefined) requireSha256(name, options.listSha256, sha256, 'options.listSha256')
  const text = decodeList(bytes, name)
  const coverage = options.listSha256 === undefined ? 'none' : 'pinned'
  const locked = await readers?.lock(text, name)
  if (locked !== undefined) return { ...locked, lists: locked.lists.map((list) => ({ ...list, coverage })) }
  const { images, warnings } = parseImageList(text, name)
  return { images, warnings, lists: [{ name, sha256, coverage, images: images.length }] }
}

/** Every list of the selection, in the order in which they were given: releases first, each tag once, with the first channel that led there. */
async function fetchLists(
  client: HttpClient,
  names: readonly ReleaseName[],
  options: SelectionOptions,
  readers: PlaceReaders | undefined,
): Promise<readonly ReadImages[]> {
  const tags = await Promise.all(names.map(async (name) => ('tag' in name ? name.tag : resolveChannel(client, name.channel, options))))
  const limit = pLimit(listsAtOnce)
  const fromReleases = [...new Set(tags)].map((tag) =>
    limit(async (): Promise<ReadImages> => {
      const { list, ...noted } = await fetchReleaseList(client, tag, options)
      const name = names[tags.indexOf(tag)]
      return { ...noted, release: tag, lists: [name !== undefined && 'channel' in name ? { ...list, channel: name.channel } : list] }
    }),
  )
  const own = (options.images ?? []).map((name) => limit(() => readOwnImages(client, name, options, readers)))
  const fromManifests = (options.manifests ?? []).map((name) => limit(() => readManifestImages(client, name, options)))
  const lists = await Promise.all([...fromReleases, ...own, ...fromManifests])
  return options.withUpgradeImages === true ? [...lists, ...(await addUpgradeImages(lists))] : lists
}

/** YAML is read only where there is some. */
async function readManifestImages(client: HttpClient, given: string, options: SelectionOptions): Promise<ReadImages> {
  const { list, ...noted } = await (await import('./read-manifest.ts')).readManifest(client, given, options)
  return { ...noted, lists: [list] }
}

/** The upgrade images of every release of the lists, those in bundles too. */
async function addUpgradeImages(lists: readonly ReadImages[]): Promise<readonly ReadImages[]> {
  const { upgradeImages } = await import('./upgrade-images.ts')
  const releases = new Set(lists.flatMap((read) => read.lists.flatMap(({ release }) => release ?? [])))
  if (releases.size === 0) throw withoutRelease()
  return [...releases].map((release) => {
    const { list, ...noted } = upgradeImages(release)
    return { ...noted, release, lists: [list] }
  })
}

/** Identifies an image by its full name; registries that differ only in case are the same host. */
function keyOf(image: Reference): string {
  return formatReference({ ...image, registry: image.registry.toLowerCase() })
}

/** Each image once. */
function merge(images: readonly Reference[]): readonly Reference[] {
  const first = new Map<string, Reference>()
  for (const image of images) {
    const key = keyOf(image)
    if (!first.has(key)) first.set(key, image)
  }
  return [...first.values()]
}

/** Which of these names each image has, by its full reference; an image without any is absent. */
function namesOf(
  images: readonly Reference[],
  lists: readonly ReadImages[],
  namesIn: (read: ReadImages, image: Reference) => readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const byKey = new Map<string, Set<string>>()
  for (const read of lists) {
    for (const image of read.images) {
      const key = keyOf(image)
      for (const name of namesIn(read, image)) byKey.set(key, (byKey.get(key) ?? new Set()).add(name))
    }
  }
  return Object.fromEntries(
    images.flatMap((image) => {
      const names = byKey.get(keyOf(image))
      return names === undefined ? [] : [[formatReference(image), [...names]] as const]
    }),
  )
}

/** Globs are loaded where there are some, and read before any list is fetched. */
async function filterFor(options: SelectionOptions): Promise<(images: readonly Reference[]) => NotedImages | Promise<NotedImages>> {
  if ((options.include ?? []).length + (options.exclude ?? []).length === 0) return (images) => ({ images, warnings: [] })
  const { imageFilter } = await import('./image-filter.ts')
  const filter = imageFilter(options)
  return (images) => filter(images, options.signal)
}

/** The images of a selection, fetched, checked, merged and filtered; `readers` read what is not a text list. Throws USAGE for options that contradict each other or leave nothing. */
export async function selectImages(client: HttpClient, options: SelectionOptions, readers?: PlaceReaders): Promise<ImageList> {
  const { names, ...checked } = checkOptions(options)
  const filter = await filterFor(checked)
  const single = parseReferences(checked.references ?? [])
  const failed = new AbortController()
  const signal = checked.signal === undefined ? failed.signal : AbortSignal.any([checked.signal, failed.signal])
  const lists = await fetchLists(client, names, { ...checked, signal }, readers).catch((error: unknown) => {
    failed.abort()
    throw error
  })
  const all = merge([...lists.flatMap((list) => list.images), ...single.images])
  const filtered = await filter(all)
  if (filtered.images.length === 0) {
    throw usage(
      `no images are left: options.include and options.exclude drop all ${all.length}`,
      'write globs for registry/repository:tag, such as docker.io/rancher/mirrored-pause:*',
    )
  }
  return {
    images: filtered.images,
    lists: lists.flatMap(({ lists: read }) => read),
    namedBy: namesOf(filtered.images, lists, ({ lists: read }) => (read.length === 1 ? read.map(({ name }) => name) : [])),
    releases: namesOf(
      filtered.images,
      lists,
      ({ release, releases }, image) => releases?.get(formatReference(image)) ?? (release === undefined ? [] : [release]),
    ),
    warnings: [...new Set([...lists.flatMap((list) => list.warnings), ...single.warnings, ...filtered.warnings])],
  }
}
