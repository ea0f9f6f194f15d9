import { isMirrorError } from '../errors.ts'
import { maxConfigBytes, platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { isAttestation, isForeignLayer, isPullable, type ImageContents, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform } from '../oci/platform.ts'
import { atDigest } from '../oci/reference.ts'
import { walkImage } from '../oci/walk.ts'
import { describeFallbacks, selectEntries } from '../plan/platform-subset.ts'
import { absence } from './absence.ts'
import { askInOrder, isWrong, type CheckedEndpoint } from './checked-endpoint.ts'
import type { EndpointNotes } from './endpoint-notes.ts'
import type { Problem } from './image-verdict.ts'
import type { SoughtImage, VerifyImageOptions } from './sought-image.ts'

/** What was found below a root, and what is wrong there. */
export interface CheckedContents {
  readonly platforms: readonly string[]
  readonly manifests: number
  readonly blobs: number
  readonly bytes: number
  readonly problems: readonly Problem[]
  /** Wanted platforms that another one serves. */
  readonly warnings: readonly string[]
}

/** Looks for everything below a root: manifests are read, blobs are asked for. What is missing is told and does not end the search. */
export async function checkContents(
  sought: SoughtImage,
  root: Descriptor,
  notes: EndpointNotes,
  options: VerifyImageOptions,
): Promise<CheckedContents> {
  const check = new ContentsCheck(sought, notes, options)
  const problems = await check.below(root)
  return { ...check.found(), problems }
}

type Problems = readonly Problem[]

class ContentsCheck {
  readonly #image: SoughtImage
  readonly #notes: EndpointNotes
  readonly #options: VerifyImageOptions
  readonly #mirrors: readonly CheckedEndpoint[]
  readonly #upstream: readonly CheckedEndpoint[]
  readonly #seen = new Set<string>()
  readonly #platforms = new Set<string>()
  #warnings: readonly string[] = []
  readonly #manifests = new Map<Digest, number>()
  readonly #blobs = new Map<Digest, number>()

  constructor(sought: SoughtImage, notes: EndpointNotes, options: VerifyImageOptions) {
    this.#image = sought
    this.#notes = notes
    this.#options = options
    this.#mirrors = sought.endpoints.filter((endpoint) => !endpoint.isUpstream)
    this.#upstream = sought.endpoints.filter((endpoint) => endpoint.isUpstream)
  }

  found(): Omit<CheckedContents, 'problems'> {
    const sum = (sizes: ReadonlyMap<Digest, number>): number => [...sizes.values()].reduce((total, size) => total + size, 0)
    return {
      platforms: [...this.#platforms],
      manifests: this.#manifests.size,
      blobs: this.#blobs.size,
      bytes: sum(this.#manifests) + sum(this.#blobs),
      warnings: this.#warnings.map((message) => `${this.#image.name}: ${message}`),
    }
  }

  /** The problems of a root and of everything below it, in the manifests' order. */
  async below(root: Descriptor): Promise<Problems> {
    const ofIndexes = new Map<readonly Descriptor[], Problems>()
    const problems = await walkImage<Problems>(root, {
      isSideBySide: true,
      read: (entry, depth) => this.#manifest(entry, depth),
      choose: (all, depth) => {
        const chosen = this.#wanted(all, depth)
        ofIndexes.set(all, all.length === 0 ? this.#damaged('it is an index without any image') : chosen.problems)
        return chosen.entries
      },
      visit: ({ entry, contents, depth }, below) =>
        contents.kind === 'image'
          ? this.#belowImage(contents, labelOf(entry), depth)
          : [...(ofIndexes.get(contents.manifests) ?? []), ...below.flat()],
      tooDeep: (why) => this.#damaged(`it ${why}`),
    })
    return problems ?? []
  }

  async #manifest(entry: Descriptor, depth: number): Promise<Manifest | { readonly instead: Problems }> {
    const { digest, size } = entry
    const { signal } = this.#options
    const what = named(depth === 0 ? 'root manifest' : 'manifest', digest, labelOf(entry))
    const manifest = await this.#find(
      what,
      ({ place, repository }) => place.manifest(atDigest(repository, digest), { signal }),
      ({ place, repository }) => place.head(atDigest(repository, digest), { signal }),
    )
    if ('problem' in manifest) return { instead: [manifest.problem] }
    const { bytes } = manifest.value
    if (depth > 0 && size !== bytes.length) {
      return { instead: this.#damaged(`${what} is damaged: it has ${bytes.length} bytes, the index says ${size}`) }
    }
    this.#manifests.set(digest, bytes.length)
    return manifest.value
  }

  async #belowImage({ config, layers }: ImageContents, label: string, depth: number): Promise<Problems> {
    const ofConfig = depth === 0 ? this.#singleConfig(config) : this.#blob('config', config, label)
    return (await Promise.all([ofConfig, ...layers.map((layer) => this.#layer(layer, label))])).flat()
  }

  /** A subset is taken from the top index; what it leaves in is taken whole. */
  #wanted(all: readonly Descriptor[], depth: number): { readonly entries: readonly Descriptor[]; readonly problems: Problems } {
    const { platforms } = this.#options
    const problems: Problem[] = []
    const kept = new Set<Descriptor>()
    for (const platform of depth > 0 ? [] : (platforms ?? [])) {
      try {
        for (const entry of selectEntries(all, [platform], this.#image.name)) kept.add(entry)
      } catch (error) {
        if (!isMirrorError(error)) throw error
        problems.push({ status: 'incomplete', code: error.code, message: error.message })
      }
    }
    const isSubset = platforms !== undefined && depth === 0
    if (isSubset) this.#warnings = describeFallbacks(all, platforms)
    const entries = isSubset ? all.filter((entry) => kept.has(entry)) : all
    for (const { platform } of entries.filter(isPullable)) if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    return { entries, problems }
  }

  /** An image without an index says its platform only in its config, which is read for that. */
  async #singleConfig(config: Descriptor): Promise<Problems> {
    const { platforms: wanted, signal } = this.#options
    const { digest, size } = config
    if (size > maxConfigBytes) return this.#blob('config', config, '')
    const answer = await this.#find(
      named('config', digest, ''),
      ({ place, repository }) => place.bytes(repository, config, { signal }),
      ({ place, repository }) => place.blob(repository, config, { signal }),
    )
    if ('problem' in answer) return [answer.problem]
    this.#blobs.set(digest, size)
    const platform = platformOf(answer.value)
    if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    this.#warnings = describeFallbacks([{ platform }], wanted ?? [])
    if (wanted === undefined || wanted.some((one) => platform !== undefined && matchesPlatform(platform, one))) return []
    const has = platform === undefined ? 'does not name its platform' : `is for ${formatPlatform(platform)} alone`
    const message = `${this.#image.name} ${has}, not for ${wanted.map(formatPlatform).join(', ')}`
    return [{ status: 'incomplete', code: 'NO_SUCH_PLATFORM', message }]
  }

  #layer(layer: Descriptor, label: string): Promise<Problems> {
    if (isForeignLayer(layer) && this.#options.foreignLayers !== true) return Promise.resolve([])
    return this.#blob('layer', layer, label)
  }

  async #blob(kind: 'config' | 'layer', blob: Descriptor, label: string): Promise<Problems> {
    const { digest, size } = blob
    if (this.#isSeen(`${digest} ${size} blob`)) return []
    const { deep, signal } = this.#options
    const answer = await this.#find(
      named(kind, digest, label),
      ({ place, repository }) => place.blob(repository, blob, { deep, signal }),
      ({ place, repository }) => place.blob(repository, blob, { signal }),
    )
    if ('problem' in answer) return [answer.problem]
    this.#blobs.set(digest, size)
    return []
  }

  /** Asks the mirrors for something, and where none has it, the image's own registry whether it would. */
  async #find<T>(
    what: string,
    ask: (endpoint: CheckedEndpoint) => Promise<T>,
    isUpstream: (endpoint: CheckedEndpoint) => Promise<unknown>,
  ): Promise<{ readonly value: T } | { readonly problem: Problem }> {
    const { signal } = this.#options
    const { found, failures } = await askInOrder(this.#mirrors, ask, signal)
    for (const failure of failures) this.#notes.fails(failure, what)
    if (found !== undefined) {
      this.#notes.serves(found.endpoint)
      return found
    }
    const upstream = failures.some(isWrong) ? { found: undefined, failures: [] } : await askInOrder(this.#upstream, isUpstream, signal)
    for (const failure of upstream.failures) this.#notes.fails(failure, what)
    if (upstream.found !== undefined) this.#notes.serves(upstream.found.endpoint)
    return { problem: absence({ name: this.#image.name, what, failures, upstream }) }
  }

  #damaged(why: string): Problems {
    return [{ status: 'damaged', code: 'INVALID_MANIFEST', message: `${this.#image.name}: ${why}` }]
  }

  #isSeen(key: string): boolean {
    if (this.#seen.has(key)) return true
    this.#seen.add(key)
    return false
  }
}

function labelOf(entry: Descriptor): string {
  if (isAttestation(entry)) return 'attestation'
  const { platform } = entry
  if (platform === undefined) return ''
  return platform.osVersion === undefined ? formatPlatform(platform) : `${formatPlatform(platform)} ${platform.osVersion}`
}

function named(kind: string, digest: Digest, label: string): string {
  return label === '' ? `${kind} ${digest}` : `${kind} ${digest} (${label})`
}
