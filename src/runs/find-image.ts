import type { RegistryEvents } from '../connect/clients.ts'
import { openCheckedEnds, type CheckedEnds, type DestinationOptions } from '../connect/destination.ts'
import type { Node, NodeRules } from '../connect/node.ts'
import type { SourceOptions } from '../connect/sources.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { AskedImage } from '../node/asked-names.ts'
import type { Digest } from '../oci/digest.ts'
import type { ReadablePlace } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, withoutPin, type Reference, type Repository } from '../oci/reference.ts'
import { locationOf, type CheckedEndpoint } from '../verify/checked-endpoint.ts'
import { CheckedPlace } from '../verify/checked-place.ts'
import { digestAtSource, type ExpectedDigest } from '../verify/expected-digest.ts'
import type { SoughtImage } from '../verify/image-search.ts'
import type { HeldLock } from './held-lock.ts'
import { readNaming, type ContentOptions, type NameAt, type RenameOptions } from './options.ts'

/** Where images are looked for and what they ought to be. `from` gives the sources whose images they ought to be now. */
export interface SearchOptions extends SourceOptions, DestinationOptions, NodeRules, RenameOptions, ContentOptions {
  /** Look for images as a node with the file `registries` does. With `to`, the node must get the digests of that destination. */
  readonly asNode?: boolean | undefined
  /** Digests that images ought to have, by reference, and what that knowledge is called. */
  readonly expected?: { readonly name: string; readonly digests: ReadonlyMap<string, Digest> } | undefined
}

/** Where an image is looked for, and its name at the destination where there is one. */
export interface FoundImage {
  readonly sought: SoughtImage
  readonly destination: string | undefined
  /** The name that the node asks for, where it is another one. */
  readonly asked: string | undefined
}

interface FinderOptions extends SearchOptions, CallOptions {
  readonly wanted: readonly Platform[] | undefined
  /** Its digests stand in for those of references: nodes and destinations are asked for the tag. */
  readonly lock?: HeldLock | undefined
}

/** Default tries after a failure: a check should end soon. */
const defaultRetries = 3

/** Options that only a node heeds, with the name that messages use. */
const nodeRules: readonly (readonly [rule: keyof NodeRules, option: string])[] = [
  ['disableDefaultEndpoint', 'options.disableDefaultEndpoint'],
  ['embeddedRegistry', 'options.embeddedRegistry'],
  ['k3sVersion', 'options.k3sVersion'],
  ['dataDir', 'options.dataDir'],
  ['embeddedAddress', 'options.embeddedAddress'],
  ['product', 'options.product'],
  ['systemDefaultRegistry', 'options.systemDefaultRegistry'],
  ['pauseImage', 'options.pauseImage'],
]

/** Says of every image where it is looked for. */
export class ImageFinder implements AsyncDisposable {
  readonly #options: FinderOptions
  readonly #ends: CheckedEnds
  readonly #node: Node | undefined
  readonly #nameAt: NameAt
  readonly #warnings: Set<string>
  #asked: ReadonlyMap<string, AskedImage> = new Map()
  readonly #checked = new WeakMap<ReadablePlace, CheckedPlace>()

  private constructor(options: FinderOptions, ends: CheckedEnds, node: Node | undefined, nameAt: NameAt, warnings: Set<string>) {
    this.#options = options
    this.#ends = ends
    this.#node = node
    this.#nameAt = nameAt
    this.#warnings = warnings
  }

  /** Reads the configuration and opens everything that is asked; nothing is sent yet. Throws USAGE and INVALID_CONFIG. */
  static async open(given: FinderOptions, events: RegistryEvents): Promise<ImageFinder> {
    const { asNode = false, to, registries, retry, signal } = given
    if (!asNode && to === undefined) {
      throw new MirrorError('USAGE', 'nothing to check: options.to or options.asNode is required', {
        hint: 'pass options.to <destination>, or options.registries <file> with options.asNode',
      })
    }
    const unused = asNode ? undefined : nodeRules.find(([rule]) => given[rule] !== undefined && given[rule] !== false)?.[1]
    if (unused !== undefined) {
      throw new MirrorError('USAGE', `${unused} requires options.asNode`, { hint: `pass options.asNode too, or remove ${unused}` })
    }
    if (asNode && registries === undefined) {
      throw new MirrorError('USAGE', 'options.asNode requires the registries.yaml of the node', { hint: 'pass options.registries <file>' })
    }
    const nameAt = await readNaming(given)
    const options = { ...given, retry: { retries: defaultRetries, ...retry } }
    const warnings = new Set<string>()
    const onWarning = (message: string): void => {
      warnings.add(message)
      events.onWarning?.(message)
    }
    // It opens nothing before an image leads somewhere, and so has nothing to close where the ends cannot be opened.
    const node =
      asNode && registries !== undefined
        ? await (await import('../connect/node.ts')).Node.open({ ...options, registries }, { ...events, onWarning }, { signal })
        : undefined
    const ends = await openCheckedEnds(options, { ...events, onWarning }, { signal })
    for (const warning of ends.warnings) warnings.add(warning)
    return new ImageFinder(options, ends, node, nameAt, warnings)
  }

  /** For files of releases, with the same proxies and TLS. */
  get client(): CheckedEnds['client'] {
    return this.#ends.client
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#ends.requests().source + (this.#node?.requests ?? 0)
  }

  /** Sentences about configuration and images, so far. */
  get warnings(): readonly string[] {
    return [...this.#warnings]
  }

  /** The images that a node pulls for a selection, its pause image included; without a node the selection. Throws INVALID_CONFIG and INVALID_REFERENCE. */
  async pulledFor(selected: readonly Reference[]): Promise<readonly Reference[]> {
    if (this.#node === undefined) return selected
    const { askedImages } = await import('../node/asked-names.ts')
    const { images, warnings } = askedImages(selected, { ...this.#options, version: this.#options.k3sVersion })
    for (const warning of warnings) this.#warnings.add(warning)
    this.#asked = new Map(images.map((one) => [formatReference(one.image), one]))
    return images.map(({ image }) => image)
  }

  /** The image's name at the destination; undefined without one, and for an image that is not selected. */
  nameOf(image: Reference): Reference | undefined {
    const { destination } = this.#ends
    if (this.#asked.get(formatReference(image))?.isSelected === false) return undefined
    return destination && this.#nameAt(withoutPin(image), destination.naming)
  }

  async find(image: Reference): Promise<FoundImage> {
    const named = this.nameOf(image)
    const sought = this.#node === undefined ? this.#atDestination(image, named) : this.#atNode(image, named, this.#node)
    const { name } = await sought
    const asked = this.#asked.has(formatReference(image)) && name !== formatReference(image) ? name : undefined
    return { sought: await sought, destination: named && formatReference(named), asked }
  }

  /** Asks, once an image was not found, whether the destination can be used at all. Gives why not; a node has other endpoints to try. */
  async whyUnusable(images: readonly Reference[]): Promise<MirrorError | undefined> {
    const { destination } = this.#ends
    if (destination?.registry === undefined || this.#node !== undefined) return undefined
    try {
      const named = images.map((image) => this.#nameAt(image, destination.naming))
      await destination.registry.checkAccess(named, { signal: this.#options.signal })
      return undefined
    } catch (error) {
      if (isMirrorError(error)) return error
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node?.[Symbol.asyncDispose]()
    await this.#ends[Symbol.asyncDispose]()
  }

  /** What is known of a place is kept for every image that leads to it. */
  #check(place: ReadablePlace, isFragile: boolean): CheckedPlace {
    const checked = this.#checked.get(place) ?? new CheckedPlace(place, { retry: this.#options.retry, isFragile })
    this.#checked.set(place, checked)
    return checked
  }

  async #atDestination(image: Reference, named: Reference | undefined): Promise<SoughtImage> {
    const { destination } = this.#ends
    const { tag, digest } = image
    const endpoints: CheckedEndpoint[] = []
    if (destination !== undefined && named !== undefined) {
      const place = this.#check(destination.place, false)
      endpoints.push({ url: destination.url, repository: repositoryOf(named), isDefault: false, isUpstream: false, place })
    }
    // A pinned image is looked for under its tag, which is what was written, and has to be the one that is pinned.
    const pinned: readonly ExpectedDigest[] = tag === undefined || digest === undefined ? [] : [{ by: 'its reference', digests: [digest] }]
    const locked = this.#locked(image)
    const root = tag === undefined ? { ...(digest !== undefined && { digest: locked?.digest ?? digest }) } : { tag }
    return { name: formatReference(image), root, endpoints, expected: [...(locked?.expected ?? pinned), ...(await this.#expected(image))] }
  }

  async #atNode(image: Reference, named: Reference | undefined, node: Node): Promise<SoughtImage> {
    const { tag, digest } = image
    const { asked: pulled, isPrivate } = this.#asked.get(formatReference(image)) ?? { asked: image, isPrivate: false }
    for (const warning of node.warnings(pulled)) this.#warnings.add(warning)
    const locked = this.#locked(image)
    const isByTag = digest === undefined || (locked !== undefined && tag !== undefined)
    const request = isByTag ? withoutPin(pulled) : pulled
    const [asked, expected, mirrored] = await Promise.all([
      node.endpoints(request, isPrivate),
      this.#expected(image),
      this.#mirrored(named),
    ])
    const endpoints = asked.map((endpoint) => ({ ...endpoint, place: this.#check(endpoint.place, endpoint.isUpstream) }))
    const root = isByTag ? { ...(tag !== undefined && { tag }) } : { digest: locked?.digest ?? digest }
    return { name: formatReference(pulled), root, endpoints, expected: [...(locked?.expected ?? []), ...expected, ...mirrored] }
  }

  /** What the lock says that the image ought to be. */
  #locked(image: Reference): { readonly digest: Digest; readonly expected: readonly ExpectedDigest[] } | undefined {
    const { lock } = this.#options
    const digest = lock?.digestOf(image)
    return lock === undefined || digest === undefined ? undefined : { digest, expected: [{ by: lock.path, digests: [digest] }] }
  }

  /** What the destination has under the image's name. */
  async #mirrored(named: Reference | undefined): Promise<readonly ExpectedDigest[]> {
    const { destination } = this.#ends
    if (named === undefined || destination === undefined) return []
    const { tag, digest } = named
    const by = locationOf({ url: destination.url, repository: named })
    const asked = { ...repositoryOf(named), ...(tag === undefined ? digest !== undefined && { digest } : { tag }) }
    return [await digestAtSource(destination.place, asked, by, { signal: this.#options.signal })]
  }

  /** What a report and the source say that the image ought to be. */
  async #expected(image: Reference): Promise<readonly ExpectedDigest[]> {
    const { expected, wanted, signal } = this.#options
    const { from, source } = this.#ends
    const name = formatReference(image)
    const found: ExpectedDigest[] = []
    const known = expected?.digests.get(name)
    if (expected !== undefined && known !== undefined) found.push({ by: expected.name, digests: [known] })
    else if (expected !== undefined) this.#warnings.add(`${name} is not in ${expected.name}: there is nothing to compare it with`)
    const at = from.get(image.registry) ?? from.get('*')
    if (at !== undefined) found.push(await digestAtSource(source, image, at, { wanted, signal }))
    return found
  }
}

function repositoryOf({ registry, path }: Reference): Repository {
  return { registry, path }
}
