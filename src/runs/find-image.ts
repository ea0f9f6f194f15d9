import { openVerifyPlaces, type ReadDestination, type VerifyPlaceOptions, type VerifyPlaces } from '../connect/checked-destination.ts'
import type { Node } from '../connect/node.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { nameDestination, type RenameRule } from '../plan/name-destination.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import type { K3sVersion } from '../release/version.ts'
import { locationOf, type CheckedEndpoint } from '../verify/checked-endpoint.ts'
import { CheckedPlace } from '../verify/checked-place.ts'
import { digestAtSource, type ExpectedDigest } from '../verify/expected-digest.ts'
import type { SoughtImage } from '../verify/sought-image.ts'

/** Where images are looked for and what they ought to be. */
export interface SearchOptions extends VerifyPlaceOptions {
  /** `--disable-default-registry-endpoint` of K3s. */
  readonly disableDefaultEndpoint?: boolean | undefined
  /** `--embedded-registry` of K3s. */
  readonly embeddedRegistry?: boolean | undefined
  /** Whose rules hold for the node; default: the newest. */
  readonly k3sVersion?: K3sVersion | undefined
  /** Digests that images ought to have, by reference, and what that knowledge is called. */
  readonly expected?: { readonly name: string; readonly digests: ReadonlyMap<string, Digest> } | undefined
  readonly platforms?: readonly Platform[] | undefined
  /** `regex=replacement` in Go's syntax, as the images were named at the destination. */
  readonly rewrite?: readonly string[] | undefined
  /** Only the last part of a repository's path was kept there. */
  readonly flatten?: boolean | undefined
}

/** Says of every image where it is looked for. */
export interface Search extends AsyncDisposable {
  /** For files of releases, with the same proxies and TLS. */
  readonly client: HttpClient
  /** What is sought, and the image's name at the destination where there is one. */
  find(image: Reference): Promise<{ readonly sought: SoughtImage; readonly destination: string | undefined }>
  /** Requests sent so far. */
  requests(): number
  /** Sentences about configuration and images, so far. */
  warnings(): readonly string[]
}

/** Tries after a failure where nothing else is asked for: whoever waits for a check would rather know soon. */
const defaultRetries = 3

async function parseRules(rewrites: readonly string[]): Promise<readonly RenameRule[]> {
  if (rewrites.length === 0) return []
  const { parseRenameRule } = await import('../registries-yaml/rename-rule.ts')
  return rewrites.map(parseRenameRule)
}

/** Reads the configuration and opens everything that is asked; nothing is sent yet. Throws USAGE and INVALID_CONFIG. */
export async function openSearch(
  options: SearchOptions,
  events: RegistryEvents = {},
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Search> {
  const { asNode = false, to, registries } = options
  if (!asNode && to === undefined) {
    throw new MirrorError('USAGE', 'nowhere is said where to look', { hint: 'Give --to <destination>, or --registries <file> --as-node.' })
  }
  if (asNode && registries === undefined) {
    throw new MirrorError('USAGE', '--as-node needs the registries.yaml of the node', { hint: 'Give --registries <file>.' })
  }
  const rules = await parseRules(options.rewrite ?? [])
  const retry = { retries: defaultRetries, ...options.retry }
  const warnings = new Set<string>()
  let requests = 0
  const told = {
    ...events,
    onRequest: () => void requests++,
    onWarning: (message: string) => {
      warnings.add(message)
      events.onWarning?.(message)
    },
  }
  // It opens nothing before an image leads somewhere, and so has nothing to close where the places cannot be opened.
  let node: Node | undefined
  if (asNode && registries !== undefined) {
    const { openNode } = await import('../connect/node.ts')
    const { onRequest } = told
    node = await openNode({ ...options, registries, retry, version: options.k3sVersion, onRequest }, told, { signal })
  }
  const places = await openVerifyPlaces({ ...options, retry }, told, { signal })
  for (const warning of places.warnings) warnings.add(warning)
  const finder = new ImageFinder({ ...options, rules, signal }, places, node, warnings)
  return {
    client: places.client,
    find: (image) => finder.find(image),
    requests: () => requests,
    warnings: () => [...warnings],
    async [Symbol.asyncDispose]() {
      await node?.[Symbol.asyncDispose]()
      await places[Symbol.asyncDispose]()
    },
  }
}

interface FinderOptions extends SearchOptions {
  readonly rules: readonly RenameRule[]
  readonly signal: AbortSignal | undefined
}

class ImageFinder {
  readonly #options: FinderOptions
  readonly #places: VerifyPlaces
  readonly #node: Node | undefined
  readonly #warnings: Set<string>
  readonly #destination: CheckedPlace | undefined

  constructor(options: FinderOptions, places: VerifyPlaces, node: Node | undefined, warnings: Set<string>) {
    this.#options = options
    this.#places = places
    this.#node = node
    this.#warnings = warnings
    this.#destination = places.destination && new CheckedPlace(places.destination.place, { retry: options.retry })
  }

  async find(image: Reference): Promise<{ readonly sought: SoughtImage; readonly destination: string | undefined }> {
    const { destination } = this.#places
    const named = destination && this.#named(image, destination)
    const sought = this.#node === undefined ? this.#atDestination(image, named) : this.#atNode(image, named, this.#node)
    return { sought: await sought, destination: named && formatReference(named) }
  }

  #named(image: Reference, { naming }: ReadDestination): Reference {
    const { rules, flatten } = this.#options
    return nameDestination(image, { ...naming, rules, flatten })
  }

  async #atDestination(image: Reference, named: Reference | undefined): Promise<SoughtImage> {
    const { destination } = this.#places
    const { tag, digest } = image
    const endpoints: readonly CheckedEndpoint[] =
      destination === undefined || named === undefined || this.#destination === undefined
        ? []
        : [{ url: destination.url, repository: repositoryOf(named), isDefault: false, isUpstream: false, place: this.#destination }]
    // A pinned image is looked for under its tag, which is what was written, and has to be the one that is pinned.
    const pinned: readonly ExpectedDigest[] = tag === undefined || digest === undefined ? [] : [{ by: 'its reference', digests: [digest] }]
    const root = tag === undefined ? { ...(digest !== undefined && { digest }) } : { tag }
    return { name: formatReference(image), root, endpoints, expected: [...pinned, ...(await this.#expected(image))] }
  }

  async #atNode(image: Reference, named: Reference | undefined, node: Node): Promise<SoughtImage> {
    const { tag, digest } = image
    for (const warning of node.warnings(image)) this.#warnings.add(warning)
    const [endpoints, expected, mirrored] = await Promise.all([node.endpoints(image), this.#expected(image), this.#mirrored(named)])
    const root = digest === undefined ? { ...(tag !== undefined && { tag }) } : { digest }
    return { name: formatReference(image), root, endpoints, expected: [...expected, ...mirrored] }
  }

  /** What the destination has under the image's name. */
  async #mirrored(named: Reference | undefined): Promise<readonly ExpectedDigest[]> {
    const { destination } = this.#places
    if (named === undefined || destination === undefined) return []
    const { signal } = this.#options
    const { tag, digest } = named
    const by = locationOf({ url: destination.url, repository: named })
    const asked = { ...repositoryOf(named), ...(tag === undefined ? digest !== undefined && { digest } : { tag }) }
    return [await digestAtSource(destination.place, asked, by, { signal })]
  }

  /** What a report and the source say that the image ought to be. */
  async #expected(image: Reference): Promise<readonly ExpectedDigest[]> {
    const { expected, platforms, signal } = this.#options
    const name = formatReference(image)
    const known = expected?.digests.get(name)
    if (expected !== undefined && known === undefined)
      this.#warnings.add(`${name} is not in ${expected.name}: there is nothing to compare it with`)
    const reported: readonly ExpectedDigest[] =
      expected === undefined || known === undefined ? [] : [{ by: expected.name, digests: [known] }]
    const source = this.#places.source(image)
    return source === undefined ? reported : [...reported, await digestAtSource(source.place, image, source.name, { platforms, signal })]
  }
}

function repositoryOf({ registry, path }: Reference): { readonly registry: string; readonly path: string } {
  return { registry, path }
}
