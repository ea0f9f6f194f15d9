import { isMirrorError } from '../errors.ts'
import { maxConfigBytes, platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isAttestation, isForeignLayer, isPullable, type ImageContents, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest } from '../oci/reference.ts'
import { walkImage } from '../oci/walk.ts'
import { describeFallbacks, selectEntries } from '../plan/platform-subset.ts'
import type { ImageSearch } from './image-search.ts'
import type { ImageVerdict, Problem } from './image-verdict.ts'

/** How an image is looked at. */
export interface VerifyImageOptions extends CallOptions {
  /** Default: every platform that its index names. */
  readonly wanted?: readonly Platform[] | undefined
  /** Foreign layers were copied too. */
  readonly foreignLayers?: boolean | undefined
  /** Read and hash every blob. */
  readonly deep?: boolean | undefined
}

type Problems = readonly Problem[]

/** What was found below a root, and what is wrong there; the warnings name wanted platforms that another one serves. */
export type CheckedContents = Pick<ImageVerdict, 'platforms' | 'manifests' | 'blobs' | 'bytes' | 'problems' | 'warnings'>

/** Looks for everything below a root: manifests are read, blobs are asked for. What is missing is reported and does not end the search. */
export class ContentsCheck {
  readonly #name: string
  readonly #search: ImageSearch
  readonly #options: VerifyImageOptions
  readonly #asked = new Set<string>()
  readonly #platforms = new Set<string>()
  readonly #manifests = new Map<Digest, number>()
  readonly #blobs = new Map<Digest, number>()
  /** Wanted platforms that the top index has not. */
  readonly #lacking: Problem[] = []
  #warnings: readonly string[] = []

  constructor(name: string, search: ImageSearch, options: VerifyImageOptions) {
    this.#name = name
    this.#search = search
    this.#options = options
  }

  /** Everything of a root; its problems and those below it are in the manifests' order. */
  async below(root: Descriptor): Promise<CheckedContents> {
    const problems = await walkImage<Problems>(root, {
      isSideBySide: true,
      read: (entry, depth) => this.#manifest(entry, depth),
      choose: (all, depth) => this.#choose(all, depth),
      visit: ({ entry, contents, depth }, below) => {
        if (contents.kind === 'image') return this.#belowImage(contents, labelOf(entry), depth)
        if (contents.manifests.length === 0) return this.#damaged('it is an index without any image')
        return [...(depth === 0 ? this.#lacking : []), ...below.flat()]
      },
      tooDeep: (why) => this.#damaged(`it ${why}`),
    })
    return {
      platforms: [...this.#platforms],
      manifests: this.#manifests.size,
      blobs: this.#blobs.size,
      bytes: [...this.#manifests.values(), ...this.#blobs.values()].reduce((total, size) => total + size, 0),
      problems: problems ?? [],
      warnings: this.#warnings.map((message) => `${this.#name}: ${message}`),
    }
  }

  async #manifest(entry: Descriptor, depth: number): Promise<Manifest | { readonly instead: Problems }> {
    const { digest, size } = entry
    const { signal } = this.#options
    const what = named(depth === 0 ? 'root manifest' : 'manifest', digest, labelOf(entry))
    const manifest = await this.#search.find(
      what,
      ({ place, repository }) => place.manifest(atDigest(repository, digest), { signal }),
      ({ place, repository }) => place.head(atDigest(repository, digest), { signal }),
    )
    if ('problem' in manifest) return { instead: [manifest.problem] }
    const { length } = manifest.value.bytes
    if (depth > 0 && size !== length) {
      return { instead: this.#damaged(`${what} is damaged: it has ${length} bytes, but the index declares ${size}`) }
    }
    this.#manifests.set(digest, length)
    return manifest.value
  }

  async #belowImage({ config, layers }: ImageContents, label: string, depth: number): Promise<Problems> {
    const kept = layers.filter((layer) => this.#options.foreignLayers === true || !isForeignLayer(layer))
    const ofConfig = depth === 0 ? this.#singleConfig(config) : this.#blob('config', config, label)
    return (await Promise.all([ofConfig, ...kept.map((layer) => this.#blob('layer', layer, label))])).flat()
  }

  /** A subset is taken from the top index; what it leaves in is taken whole. */
  #choose(all: readonly Descriptor[], depth: number): readonly Descriptor[] {
    const wanted = depth === 0 ? this.#options.wanted : undefined
    const kept = new Set<Descriptor>()
    for (const platform of wanted ?? []) {
      try {
        for (const entry of selectEntries(all, [platform], this.#name)) kept.add(entry)
      } catch (error) {
        if (!isMirrorError(error)) throw error
        this.#lacking.push({ status: 'incomplete', code: error.code, message: error.message })
      }
    }
    if (wanted !== undefined) this.#warnings = describeFallbacks(all, wanted)
    const entries = wanted === undefined ? all : all.filter((entry) => kept.has(entry))
    for (const { platform } of entries.filter(isPullable)) if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    return entries
  }

  /** An image without an index says its platform only in its config, which is read for that. */
  async #singleConfig(config: Descriptor): Promise<Problems> {
    const { wanted, signal } = this.#options
    if (config.size > maxConfigBytes) return this.#blob('config', config, '')
    const answer = await this.#search.find(
      named('config', config.digest, ''),
      ({ place, repository }) => place.bytes(repository, config, { signal }),
      ({ place, repository }) => place.blob(repository, config, { signal }),
    )
    if ('problem' in answer) return [answer.problem]
    this.#blobs.set(config.digest, config.size)
    const platform = platformOf(answer.value)
    if (platform !== undefined) this.#platforms.add(formatPlatform(platform))
    this.#warnings = describeFallbacks([{ platform }], wanted ?? [])
    if (wanted === undefined || wanted.some((one) => platform !== undefined && matchesPlatform(platform, one))) return []
    const has = platform === undefined ? 'does not name its platform' : `is only for ${formatPlatform(platform)}`
    const message = `${this.#name} ${has}, not for ${wanted.map(formatPlatform).join(', ')}`
    return [{ status: 'incomplete', code: 'NO_SUCH_PLATFORM', message }]
  }

  async #blob(kind: 'config' | 'layer', blob: Descriptor, label: string): Promise<Problems> {
    const { digest, size } = blob
    const key = `${digest} ${size}`
    if (this.#asked.has(key)) return []
    this.#asked.add(key)
    const { deep, signal } = this.#options
    const answer = await this.#search.find(
      named(kind, digest, label),
      ({ place, repository }) => place.blob(repository, blob, { deep, signal }),
      ({ place, repository }) => place.blob(repository, blob, { signal }),
    )
    if ('problem' in answer) return [answer.problem]
    this.#blobs.set(digest, size)
    return []
  }

  #damaged(why: string): Problems {
    return [{ status: 'damaged', code: 'INVALID_MANIFEST', message: `${this.#name}: ${why}` }]
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
