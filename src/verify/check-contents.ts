import { isMirrorError, type ErrorCode } from '../errors.ts'
import { platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, isAttestation, isForeignLayer, isPullable, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform } from '../oci/platform.ts'
import { atDigest } from '../oci/reference.ts'
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

/** What a manifest of an index is looked for with. */
interface Entry {
  readonly digest: Digest
  /** What the index says; undefined for the root. */
  readonly size?: number
  /** `linux/amd64`, `attestation`, or nothing for the root. */
  readonly label: string
}

const maxNesting = 3
const maxConfigBytes = 8 * 1024 * 1024

/** Looks for everything below a root: manifests are read, blobs are asked for. What is missing is told and does not end the search. */
export async function checkContents(
  sought: SoughtImage,
  root: Digest,
  notes: EndpointNotes,
  options: VerifyImageOptions,
): Promise<CheckedContents> {
  const check = new ContentsCheck(sought, notes, options)
  const problems = await check.manifest({ digest: root, label: '' }, 0)
  return { ...check.found(), problems }
}

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

  /** The problems of a manifest and of everything below it, in the manifest's order. */
  async manifest({ digest, size, label }: Entry, depth: number): Promise<readonly Problem[]> {
    if (this.#isSeen(`${digest} ${size ?? ''}`)) return []
    const { signal } = this.#options
    const what = named(depth === 0 ? 'root manifest' : 'manifest', digest, label)
    const manifest = await this.#find(
      what,
      ({ place, repository }) => place.manifest(atDigest(repository, digest), { signal }),
      ({ place, repository }) => place.head(atDigest(repository, digest), { signal }),
    )
    if ('problem' in manifest) return [manifest.problem]
    const { bytes } = manifest.value
    if (size !== undefined && size !== bytes.length) {
      return [this.#damaged('INVALID_MANIFEST', `${what} is damaged: it has ${bytes.length} bytes, the index says ${size}`)]
    }
    this.#manifests.set(digest, bytes.length)
    return this.#below(manifest.value, label, depth)
  }

  async #below(manifest: Manifest, label: string, depth: number): Promise<readonly Problem[]> {
    const contents = contentsOf(manifest)
    if (contents.kind === 'image') {
      const config = depth === 0 ? this.#singleConfig(contents.config) : this.#blob('config', contents.config, label)
      const layers = contents.layers.map((layer) => this.#layer(layer, label))
      return (await Promise.all([config, ...layers])).flat()
    }
    if (depth >= maxNesting) return [this.#damaged('INVALID_MANIFEST', `it nests indexes more than ${maxNesting} deep`)]
    if (contents.manifests.length === 0) return [this.#damaged('INVALID_MANIFEST', 'it is an index without any image')]
    const { entries, problems } = this.#wanted(contents.manifests, depth)
    const children = entries.map((entry) => this.manifest({ digest: entry.digest, size: entry.size, label: labelOf(entry) }, depth + 1))
    return [...problems, ...(await Promise.all(children)).flat()]
  }

  /** A subset is taken from the top index; what it leaves in is taken whole. */
  #wanted(all: readonly Descriptor[], depth: number): { readonly entries: readonly Descriptor[]; readonly problems: readonly Problem[] } {
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
  async #singleConfig(config: Descriptor): Promise<readonly Problem[]> {
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

  #layer(layer: Descriptor, label: string): Promise<readonly Problem[]> {
    if (isForeignLayer(layer) && this.#options.foreignLayers !== true) return Promise.resolve([])
    return this.#blob('layer', layer, label)
  }

  async #blob(kind: 'config' | 'layer', blob: Descriptor, label: string): Promise<readonly Problem[]> {
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

  #damaged(code: ErrorCode, why: string): Problem {
    return { status: 'damaged', code, message: `${this.#image.name}: ${why}` }
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
