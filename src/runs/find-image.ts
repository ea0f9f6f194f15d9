import type { RegistryEvents } from '../connect/clients.ts'
import { openCheckedEnds, type CheckedEnds, type DestinationOptions } from '../connect/destination.ts'
import type { Node, NodeFlags } from '../connect/node.ts'
import type { SourceOptions } from '../connect/sources.ts'
import { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Platform } from '../oci/platform.ts'
import type { ReadablePlace } from '../oci/readable-place.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { locationOf, type CheckedEndpoint } from '../verify/checked-endpoint.ts'
import { CheckedPlace } from '../verify/checked-place.ts'
import { digestAtSource, type ExpectedDigest } from '../verify/expected-digest.ts'
import type { SoughtImage } from '../verify/sought-image.ts'
import { readNaming, type ContentOptions, type RenameOptions } from './options.ts'

/** Where images are looked for and what they ought to be. `from` gives the sources whose images they ought to be now. */
export interface SearchOptions extends SourceOptions, DestinationOptions, NodeFlags, RenameOptions, ContentOptions {
  /** Look for images as a node with the file `registries` does. With `to` beside it, what is there is what the node must get. */
  readonly asNode?: boolean | undefined
  /** Digests that images ought to have, by reference, and what that knowledge is called. */
  readonly expected?: { readonly name: string; readonly digests: ReadonlyMap<string, Digest> } | undefined
}

/** Where an image is looked for, and its name at the destination where there is one. */
export interface FoundImage {
  readonly sought: SoughtImage
  readonly destination: string | undefined
}

/** Says of every image where it is looked for. */
export interface Search extends AsyncDisposable {
  /** For files of releases, with the same proxies and TLS. */
  readonly client: CheckedEnds['client']
  find(image: Reference): Promise<FoundImage>
  /** Requests sent so far. */
  requests(): number
  /** Sentences about configuration and images, so far. */
  warnings(): readonly string[]
}

/** Tries after a failure where nothing else is asked for: whoever waits for a check would rather know soon. */
const defaultRetries = 3

/** Reads the configuration and opens everything that is asked; nothing is sent yet. Throws USAGE and INVALID_CONFIG. */
export async function openSearch(
  options: SearchOptions,
  wanted: readonly Platform[] | undefined,
  events: RegistryEvents,
  { signal }: CallOptions,
): Promise<Search> {
  const { asNode = false, to, registries, retry } = options
  if (!asNode && to === undefined) {
    throw new MirrorError('USAGE', 'nowhere is said where to look', { hint: 'Give --to <destination>, or --registries <file> --as-node.' })
  }
  if (asNode && registries === undefined) {
    throw new MirrorError('USAGE', '--as-node needs the registries.yaml of the node', { hint: 'Give --registries <file>.' })
  }
  const nameAt = await readNaming(options)
  const patient = { ...options, retry: { retries: defaultRetries, ...retry } }
  const warnings = new Set<string>()
  const told = {
    ...events,
    onWarning: (message: string) => {
      warnings.add(message)
      events.onWarning?.(message)
    },
  }
  // It opens nothing before an image leads somewhere, and so has nothing to close where the ends cannot be opened.
  let node: Node | undefined
  if (asNode && registries !== undefined) {
    const { openNode } = await import('../connect/node.ts')
    node = await openNode({ ...patient, registries }, told, { signal })
  }
  const ends = await openCheckedEnds(patient, told, { signal })
  for (const warning of ends.warnings) warnings.add(warning)
  const finder = new ImageFinder({ ...patient, wanted, signal }, ends, node, warnings)
  return {
    client: ends.client,
    find: (image) => finder.find(image, ends.destination && nameAt(image, ends.destination.naming)),
    requests: () => ends.requests().source + (node?.requests() ?? 0),
    warnings: () => [...warnings],
    async [Symbol.asyncDispose]() {
      await node?.[Symbol.asyncDispose]()
      await ends[Symbol.asyncDispose]()
    },
  }
}

interface FinderOptions extends SearchOptions, CallOptions {
  readonly wanted: readonly Platform[] | undefined
}

class ImageFinder {
  readonly #options: FinderOptions
  readonly #ends: CheckedEnds
  readonly #node: Node | undefined
  readonly #warnings: Set<string>
  readonly #checked = new WeakMap<ReadablePlace, CheckedPlace>()

  constructor(options: FinderOptions, ends: CheckedEnds, node: Node | undefined, warnings: Set<string>) {
    this.#options = options
    this.#ends = ends
    this.#node = node
    this.#warnings = warnings
  }

  /** `named` is the image's name at the destination. */
  async find(image: Reference, named: Reference | undefined): Promise<FoundImage> {
    const sought = this.#node === undefined ? this.#atDestination(image, named) : this.#atNode(image, named, this.#node)
    return { sought: await sought, destination: named && formatReference(named) }
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
    const root = tag === undefined ? { ...(digest !== undefined && { digest }) } : { tag }
    return { name: formatReference(image), root, endpoints, expected: [...pinned, ...(await this.#expected(image))] }
  }

  async #atNode(image: Reference, named: Reference | undefined, node: Node): Promise<SoughtImage> {
    const { tag, digest } = image
    for (const warning of node.warnings(image)) this.#warnings.add(warning)
    const [asked, expected, mirrored] = await Promise.all([node.endpoints(image), this.#expected(image), this.#mirrored(named)])
    const endpoints = asked.map((endpoint) => ({ ...endpoint, place: this.#check(endpoint.place, endpoint.isUpstream) }))
    const root = digest === undefined ? { ...(tag !== undefined && { tag }) } : { digest }
    return { name: formatReference(image), root, endpoints, expected: [...expected, ...mirrored] }
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
    if (at !== undefined) found.push(await digestAtSource(source, image, at.origin.origin, { wanted, signal }))
    return found
  }
}

function repositoryOf({ registry, path }: Reference): Repository {
  return { registry, path }
}
