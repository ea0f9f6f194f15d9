import pLimit from 'p-limit'
import type { Sources } from '../connect/sources.ts'
import { summariseError } from '../copy/events.ts'
import type { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageSource } from '../oci/image-source.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, formatRepository, type Reference } from '../oci/reference.ts'
import type { ImagePair } from '../plan/pair-images.ts'
import type { WrittenImage } from '../plan/predict-transfer.ts'
import type { ReadOptions } from '../plan/read-root.ts'
import { readImage, resolveImage } from '../plan/resolve-image.ts'
import type { ComparedImage, DiffedName, DiffState } from '../report/diff-report.ts'
import type { DiffSide } from './diff-side.ts'
import { formerRepository } from './former-repository.ts'

/** An image of one side, and the name by which both sides are matched. */
export interface SideImage {
  readonly reference: Reference
  readonly key: Reference
}

/** What of each image is compared, and how. */
export interface CompareOptions {
  readonly wanted: readonly Platform[] | undefined
  readonly sparse: boolean | undefined
  readonly foreignLayers: boolean | undefined
  readonly jobs: number
  readonly signal: AbortSignal
}

/** An image to write to a destination that holds `a`. */
export interface ImageToWrite extends WrittenImage {
  readonly key: Reference
  /** The name that `formerly` has, as `key`. */
  readonly formerKey?: Reference | undefined
}

/** What one pair came to. */
export interface Outcome extends ComparedImage {
  readonly write?: ImageToWrite
  /** Warnings about the image, such as a wanted platform that another one serves. */
  readonly warnings?: readonly string[]
}

/** The state of a pair, with what is known of its images by then. */
interface Classified {
  readonly state: DiffState
  readonly a?: SideImage | undefined
  readonly b?: SideImage | undefined
  readonly roots?: { readonly a?: Descriptor | undefined; readonly b?: Descriptor | undefined }
}

type ReadImage = Omit<Awaited<ReturnType<typeof readImage>>, 'original'>

/** The two sides of a comparison: looks up and reads their images, and ends once a side cannot be used at all. */
export class ImageComparison {
  readonly #a: DiffSide
  readonly #b: DiffSide
  readonly #source: Sources['source']
  readonly #options: CompareOptions
  readonly #reads = new Map<SideImage, Promise<ReadImage>>()
  #pulls = 0
  #ended: MirrorError | undefined

  constructor(a: DiffSide, b: DiffSide, source: Sources['source'], options: CompareOptions) {
    this.#a = a
    this.#b = b
    this.#source = source
    this.#options = options
  }

  /** The pulls that Docker Hub has counted so far. */
  get pulls(): number {
    return this.#pulls
  }

  /** Why a side cannot be used at all. */
  get ended(): MirrorError | undefined {
    return this.#ended
  }

  /** The side that a destination is taken to hold. */
  get a(): DiffSide {
    return this.#a
  }

  get options(): CompareOptions {
    return this.#options
  }

  /** Compares every pair, and reads the images that `b` adds or changes. */
  compare(pairs: readonly ImagePair<SideImage>[]): Promise<readonly Outcome[]> {
    const limit = pLimit(this.#options.jobs)
    return Promise.all(pairs.map((pair) => limit(() => this.#compare(pair))))
  }

  /** Identifies a repository of the destination: a registry has its path only, a layout its full name. */
  repositoryOf(key: Reference): string {
    return this.#a.kind === 'layout' ? formatRepository(key) : key.path
  }

  /** Where a mirror looks for the blobs of an image that K3s had under another name. */
  #formerNames({ reference, key }: SideImage): Pick<ImageToWrite, 'formerly' | 'formerKey'> {
    const former = formerRepository(reference, (image) => this.#b.keyOf(image), {})
    if (former === undefined) return {}
    return { formerKey: { ...key, ...former }, formerly: this.repositoryOf(former) }
  }

  /** The pulls that Docker Hub counts for a mirror of an image; with a subset of platforms the index of an unchanged one is read too. */
  #pullsFor(image: SideImage | undefined, state: DiffState, read?: ReadImage): number {
    if (image === undefined || this.#b.isHeld || !this.#source.isDockerHub(image.reference)) return 0
    const { wanted, sparse = false } = this.#options
    if (read !== undefined) return read.contents.manifests.length
    return state === 'unchanged' && wanted !== undefined && !sparse ? 1 : 0
  }

  /** Reads an image of a side once, without those platforms that are not wanted. */
  read(side: DiffSide, image: SideImage): Promise<ReadImage> {
    const name = side.nameOf(image.reference)
    const read = this.#reads.get(image) ?? this.attempt(side, () => readImage(this.#countPulls(side), name, this.#readOptions(side)))
    this.#reads.set(image, read)
    return read
  }

  /** What an archive holds is pushed as it is. */
  #readOptions({ kind }: DiffSide): ReadOptions {
    const { wanted, sparse, foreignLayers, signal } = this.#options
    return { wanted: kind === 'archive' ? undefined : wanted, sparse, foreignLayers, signal }
  }

  #countPulls({ place, isHeld }: DiffSide): ImageSource {
    return {
      headManifest: (image, options) => place.headManifest(image, options),
      getManifest: (image, options) => {
        if (!isHeld && this.#source.isDockerHub(image)) this.#pulls++
        return place.getManifest(image, options)
      },
      getBlob: (repository, blob, options) => place.getBlob(repository, blob, options),
    }
  }

  /** Does something at a side. Once a side turned out to be unusable, everything fails with that error. */
  async attempt<T>(side: DiffSide, work: () => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended
    try {
      return await work()
    } catch (error) {
      this.#options.signal.throwIfAborted()
      this.#ended ??= await side.whyUnusable(error)
      throw this.#ended ?? error
    }
  }

  async #compare(pair: ImagePair<SideImage>): Promise<Outcome> {
    let found: Outcome = { state: 'unknown', a: named(this.#a, pair.a), b: named(this.#b, pair.b) }
    try {
      const { state, a, b, roots } = await this.#classify(pair)
      found = { state, a: named(this.#a, a, roots?.a), b: named(this.#b, b, roots?.b) }
      if (b === undefined || state === 'unchanged') return { ...found, dockerHubPulls: this.#pullsFor(b, state) }
      const read = await this.read(this.#b, b)
      const { root, contents, platforms, warnings = [] } = read
      const write = { key: b.key, repository: this.repositoryOf(b.key), root: root.digest, contents, ...this.#formerNames(b) }
      const readB = { reference: formatReference(this.#b.nameOf(b.reference)), digest: root.digest, platforms }
      const notes = warnings.map((message) => `${readB.reference}: ${message}`)
      if (a !== undefined && state === 'renamed') {
        // The same bytes are not read twice.
        this.#reads.set(a, Promise.resolve(read))
        found = { ...found, a: named(this.#a, a, root) }
      }
      return { ...found, b: readB, dockerHubPulls: this.#pullsFor(b, state, read), write, warnings: notes }
    } catch (error) {
      this.#options.signal.throwIfAborted()
      return { ...found, error: summariseError(error) }
    }
  }

  /** Decides the state of a pair with as few requests as possible. */
  async #classify({ a, b }: ImagePair<SideImage>): Promise<Classified> {
    if (a === undefined) return { state: 'added', b }
    if (b === undefined) return { state: 'removed', a }
    if (isRenamed(a, b)) return { state: 'renamed', a, b }
    if (isRetagged(a, b)) return { state: 'retagged', a, b }
    if (isSameSource(this.#a, this.#b, a, b)) return { state: 'unchanged', a, b }
    if (this.#a.isHeld !== this.#b.isHeld) return this.#classifyCopy(a, b)
    const [rootA, rootB] = await Promise.all([this.#head(this.#a, a), this.#head(this.#b, b)])
    const roots = { a: rootA, b: rootB }
    if (rootA === undefined) return { state: 'added', b }
    if (rootB === undefined) return { state: 'removed', a, roots }
    return { state: rootA.digest === rootB.digest ? 'unchanged' : 'changed', a, b, roots }
  }

  /** Compares a copy with its source as a mirror does: with a subset of platforms their index is what the copy has to be. */
  async #classifyCopy(a: SideImage, b: SideImage): Promise<Classified> {
    const [held, copy, listed, image] = this.#a.isHeld ? [this.#a, a, this.#b, b] : [this.#b, b, this.#a, a]
    const existing = await this.#head(held, copy)
    if (existing === undefined) return this.#a.isHeld ? { state: 'added', b } : { state: 'removed', a }
    const named = { source: listed.nameOf(image.reference), destination: image.key }
    const at = { headManifest: () => Promise.resolve(existing) }
    const step = await this.attempt(listed, () => resolveImage(named, this.#countPulls(listed), at, this.#readOptions(listed)))
    const state = step.state === 'present' ? 'unchanged' : 'changed'
    if (state === 'changed') this.#reads.set(image, Promise.resolve(step))
    if (!this.#a.isHeld) return { state, a, b, roots: { a: step.root, b: existing } }
    return { state, a, b, roots: { a: existing, b: step.root } }
  }

  /** True where one side holds a copy of the other side's image; false where that cannot be found out. */
  async isCopy(a: SideImage, b: SideImage): Promise<boolean> {
    try {
      return (await this.#classifyCopy(a, b)).state === 'unchanged'
    } catch {
      this.#options.signal.throwIfAborted()
      return false
    }
  }

  /** The root of an image; undefined where a place that holds copies lacks it. Throws NOT_FOUND where the source lacks it. */
  async #head(side: DiffSide, image: SideImage): Promise<Descriptor | undefined> {
    const { signal } = this.#options
    const found = await this.attempt(side, () => side.place.headManifest(side.nameOf(image.reference), { signal }))
    // Reading it fails with near names.
    return found === undefined && !side.isHeld ? (await this.read(side, image)).root : found
  }
}

/** True for one name whose content both sides take from the same place: it is the same image now, without a request. */
function isSameSource(a: DiffSide, b: DiffSide, x: SideImage, y: SideImage): boolean {
  return !a.isHeld && !b.isHeld && formatReference(x.reference) === formatReference(y.reference)
}

function named(side: DiffSide, image: SideImage | undefined, root?: { readonly digest: Digest }): DiffedName | null {
  if (image === undefined) return null
  const digest = root?.digest ?? image.reference.digest
  return { reference: formatReference(side.nameOf(image.reference)), ...(digest !== undefined && { digest }) }
}

function isRenamed({ key: a }: SideImage, { key: b }: SideImage): boolean {
  return formatRepository(a).toLowerCase() !== formatRepository(b).toLowerCase()
}

function isRetagged({ key: a }: SideImage, { key: b }: SideImage): boolean {
  return a.tag !== b.tag && a.tag !== undefined && b.tag !== undefined
}

/** Compares a pair by its names only. */
export function comparePair(sides: { readonly a: DiffSide; readonly b: DiffSide }, { a, b }: ImagePair<SideImage>): ComparedImage {
  const names = { a: named(sides.a, a), b: named(sides.b, b) }
  if (a === undefined) return { state: 'added', ...names }
  if (b === undefined) return { state: 'removed', ...names }
  if (isRenamed(a, b)) return { state: 'renamed', ...names }
  if (isRetagged(a, b)) return { state: 'retagged', ...names }
  const [x, y] = [a.reference.digest, b.reference.digest]
  return { state: x !== undefined && y !== undefined && x !== y ? 'changed' : 'unchanged', ...names }
}
