import type { NamedImages } from '../bundle/named-list.ts'
import type { RegistryEvents } from '../connect/clients.ts'
import { openCheckedEnds, parseDestination, type DestinationOptions } from '../connect/destination.ts'
import type { SourceOptions, Sources } from '../connect/sources.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { withoutPin, type Reference, type Repository } from '../oci/reference.ts'
import { nameDestination } from '../plan/destination-names.ts'
import type { ComparedPlace } from '../release/compared-place.ts'
import type { SelectedList } from '../release/image-list.ts'
import type { ImageSelection } from '../release/select-images.ts'
import type { DiffedSide } from '../report/diff-report.ts'
import { selectListed } from './list-images.ts'
import type { BatchOptions, NameAt, RenameOptions } from './options.ts'

/** How the sides of a comparison are reached and read. */
export interface DiffSideOptions
  extends
    SourceOptions,
    Pick<DestinationOptions, 'destinationCredentials'>,
    RenameOptions,
    Omit<ImageSelection, 'references' | 'include' | 'exclude' | 'listSha256'>,
    BatchOptions {}

/** One side of a comparison, opened. */
export interface DiffSide extends AsyncDisposable {
  readonly kind: DiffedSide['kind']
  readonly images: readonly Reference[]
  readonly lists: readonly SelectedList[]
  readonly warnings: readonly string[]
  /** What of each image a lock file chooses. */
  readonly contents?: NamedImages['contents']
  /** True where the place holds copies; false for names whose content is at the source. */
  readonly isHeld: boolean
  /** Where manifests are read. */
  readonly place: Pick<ImageSource, 'headManifest' | 'getManifest' | 'getBlob'>
  /** The name at the destination, with the source's registry, by which both sides are matched. */
  keyOf(image: Reference): Reference
  /** The name that the place knows an image by. */
  nameOf(image: Reference): Reference
  /** Present where the place reports whether a repository has a blob. */
  readonly headBlob?: (repository: Repository, blob: Descriptor, options?: CallOptions) => Promise<boolean>
  /** Why the place cannot be used at all, once something failed there. */
  whyUnusable(error: unknown): Promise<MirrorError | undefined>
}

/** What both sides share. */
interface SideContext {
  readonly options: DiffSideOptions
  readonly sources: Sources
  readonly nameAt: NameAt
  readonly events: RegistryEvents
}

/** A name at the destination before its registry and prefix. */
const unplaced = { registry: undefined, prefix: '' } as const

async function ifRefused(check: () => Promise<void>): Promise<MirrorError | undefined> {
  try {
    await check()
    return undefined
  } catch (error) {
    if (isMirrorError(error)) return error
    throw error
  }
}

/** Images by name, as a list has them: their content is at the source. */
function listSide(
  { options: { signal }, sources: { source }, nameAt }: SideContext,
  { images, ...named }: Pick<DiffSide, 'kind' | 'images' | 'lists' | 'contents' | 'warnings'>,
): DiffSide {
  return {
    ...named,
    images,
    isHeld: false,
    place: source,
    keyOf: (image) => nameAt(image, unplaced),
    nameOf: (image) => image,
    whyUnusable: (error) =>
      ifRefused(async () => {
        if (isMirrorError(error) && error.side === 'source') await source.checkAccess(images, { signal })
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function unchecked({ lists, ...named }: NamedImages): Pick<DiffSide, 'images' | 'lists' | 'contents' | 'warnings'> {
  return { ...named, lists: lists.map((list) => ({ ...list, coverage: 'none' })) }
}

async function openList(context: SideContext, { kind, name }: ComparedPlace): Promise<DiffSide> {
  const { artifactUrl, channelUrl, releaseApiUrl, stdin, retry, signal } = context.options
  const fetching = { artifactUrl, channelUrl, releaseApiUrl, stdin, retry, signal }
  const selected = kind === 'release' ? { releases: [name] } : { images: [name] }
  const { images, lists, warnings } = await selectListed(context.sources.client, { ...selected, ...fetching })
  return listSide(context, { kind: kind === 'release' ? 'release' : 'list', images, lists, warnings })
}

/** A file by its content: an archive, a lock file, or a text list. */
async function openFile(context: SideContext, place: ComparedPlace): Promise<DiffSide> {
  const { name } = place
  if (name === '-' || /^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return openList(context, place)
  const { isArchiveFile } = await import('../bundle/is-archive-file.ts')
  if (await isArchiveFile(name)) return openArchive(context, name)
  const { readNamedImages } = await import('../bundle/named-images.ts')
  const named = await readNamedImages(name, context.options)
  return named === undefined ? openList(context, place) : listSide(context, { kind: 'lock', ...unchecked(named) })
}

/** An archive; what a bundle leaves to an earlier one is read at the source. */
async function openArchive({ options: { signal }, sources: { source }, nameAt }: SideContext, path: string): Promise<DiffSide> {
  const { JoinedSource } = await import('../bundle/joined-source.ts')
  const archive = await JoinedSource.open([path], { signal })
  try {
    const images = archive.names()
    await archive.join(images, { signal })
    const holder = async (reference: Reference): Promise<Pick<ImageSource, 'getManifest' | 'getBlob'>> =>
      reference.digest === undefined || (await archive.holds(reference.digest, { signal })) ? archive : source
    return {
      kind: 'archive',
      images,
      lists: archive.lists().map((list) => ({ ...list, coverage: 'none' })),
      warnings: [...archive.skipped(), ...archive.warnings()],
      isHeld: true,
      place: {
        headManifest: (reference) => archive.headManifest(reference),
        getManifest: async (reference, call) => (await holder(reference)).getManifest(reference, call),
        getBlob: async (repository, blob, call) => (await holder({ ...repository, digest: blob.digest })).getBlob(repository, blob, call),
      },
      keyOf: (image) => nameAt(image, unplaced),
      nameOf: (image) => image,
      whyUnusable: () => Promise.resolve(undefined),
      [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose](),
    }
  } catch (error) {
    await archive[Symbol.asyncDispose]()
    throw error
  }
}

/** A layout has its images under the names of a destination: nothing renames them. */
async function openLayoutSide({ options, events }: SideContext, name: string): Promise<DiffSide> {
  const { readNamedImages } = await import('../bundle/named-images.ts')
  const named = await readNamedImages(name, options)
  const { destination, ...ends } = await openCheckedEnds({ to: name }, events, options)
  if (named === undefined || destination === undefined) throw new MirrorError('INTERNAL', `${name} is not a layout`)
  return {
    kind: 'layout',
    ...unchecked(named),
    isHeld: true,
    place: destination.place,
    keyOf: (image) => image,
    nameOf: (image) => image,
    headBlob: (repository, blob, call) => destination.place.headBlob(repository, blob, call),
    whyUnusable: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
  }
}

/** A registry is asked for the images of the other side, under their names there. */
async function openRegistrySide(
  { options, nameAt, events }: SideContext,
  to: string,
  others: readonly Reference[] | undefined,
): Promise<DiffSide> {
  const { from: _from, releases, images: lists, ...reach } = options
  const { destination, ...ends } = await openCheckedEnds({ ...reach, to }, events, options)
  if (destination === undefined) throw new MirrorError('INTERNAL', `${to} is not a registry`)
  const list =
    others === undefined
      ? await selectListed(ends.client, { ...reach, releases, images: lists })
      : { images: others, lists: [], warnings: [] }
  const keyOf: DiffSide['keyOf'] = (image) => (others === undefined ? nameAt(image, unplaced) : image)
  const nameOf: DiffSide['nameOf'] = (image) => nameDestination(withoutPin(keyOf(image)), destination.naming)
  return {
    kind: 'registry',
    images: list.images,
    lists: list.lists,
    warnings: [...list.warnings, ...ends.warnings],
    isHeld: true,
    place: destination.place,
    keyOf,
    nameOf,
    headBlob: (repository, blob, call) => destination.place.headBlob(nameOf(repository), blob, call),
    whyUnusable: () => ifRefused(async () => destination.registry?.checkAccess(list.images.map(nameOf), { signal: options.signal })),
    [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
  }
}

/** The kind of a side for a message, as in `a channel or release`. */
const described: Readonly<Record<ComparedPlace['kind'], string>> = {
  release: 'a release or channel',
  images: 'a file of images',
  layout: 'an OCI layout',
  registry: 'a registry',
}

/** Prefixes for a name that was understood in another way. */
const otherwise = 'to have it read in another way, write release:, images:, oci: or registry: before it'

/** Adds to an error how the side that it is about was understood. */
function explained(error: unknown, place: ComparedPlace, given: string): unknown {
  if (!isMirrorError(error) || !place.isGuessed || error.code === 'CANCELLED' || given === '-') return error
  return error.with({ message: `"${given}" was read as ${described[place.kind]}: ${error.message}`, hint: error.hint ?? otherwise })
}

/** Opens what one side names; a registry gets its names from `others`, and from the selection of the options where that is undefined. Throws what reading it throws. */
export async function openSide(
  given: string,
  place: ComparedPlace,
  context: SideContext,
  others?: readonly Reference[],
): Promise<DiffSide> {
  try {
    switch (place.kind) {
      case 'registry':
        return await openRegistrySide(context, place.name, others)
      case 'layout':
        return await openLayoutSide(context, place.name)
      case 'release':
        return await openList(context, place)
      case 'images':
        return await openFile(context, place)
    }
  } catch (error) {
    throw explained(error, place, given)
  }
}

/** True where both sides are registries, which may not see the credentials of each other. */
export function areDifferentHosts(a: ComparedPlace, b: ComparedPlace): boolean {
  if (a.kind !== 'registry' || b.kind !== 'registry') return false
  const [x, y] = [a, b].map(({ name }) => parseDestination(name).endpoint?.origin.origin)
  return x !== y
}

/** The registries of both sides cannot both take their names from the other. Throws USAGE where a selection is missing or needless. */
export function checkSelection(a: ComparedPlace, b: ComparedPlace, { releases = [], images = [] }: DiffSideOptions): void {
  const isSelected = releases.length + images.length > 0
  const areRegistries = a.kind === 'registry' && b.kind === 'registry'
  if (areRegistries && !isSelected) {
    throw new MirrorError('USAGE', 'two registries have no list of images', {
      hint: 'pass options.releases or options.images with the images to compare',
    })
  }
  if (!areRegistries && isSelected) {
    throw new MirrorError('USAGE', 'options.releases and options.images are only for two registries: a side has its own list', {
      hint: 'remove options.releases and options.images; options.include and options.exclude choose among the images',
    })
  }
  if (a.kind === 'images' && b.kind === 'images' && a.name === '-' && b.name === '-') {
    throw new MirrorError('USAGE', 'both sides are standard input, which can be read only once')
  }
}
