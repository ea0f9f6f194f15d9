import type { Retry } from '../async/retry.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { atDigest, formatReference, type Reference } from '../oci/reference.ts'
import { referencesOf } from '../oci/walk.ts'
import type { PlanStep } from '../plan/plan.ts'
import { copyBlob, type Ends } from './copy-blob.ts'
import { summariseError } from './events.ts'
import type { CopyOptions, CopyOutcome, ImageCopier } from './image-copier.ts'

/** Milliseconds between two progress events of one blob. */
const progressInterval = 100

/** The digests that a manifest refers to. */
function digestsBelow(manifest: Manifest): readonly Digest[] {
  return referencesOf(contentsOf(manifest)).map(({ digest }) => digest)
}

/** The copy of one image: every blob and manifest below the root is copied once, each as soon as its dependencies are at the destination. */
class ImageCopy {
  readonly #step: PlanStep
  readonly #ends: Ends
  readonly #options: CopyOptions
  readonly #image: string
  readonly #blobs: ReadonlyMap<Digest, Descriptor>
  readonly #manifests: ReadonlyMap<Digest, Manifest>
  readonly #done = new Map<Digest, Promise<void>>()
  #hasWritten = false

  constructor(step: PlanStep, ends: Ends, options: CopyOptions) {
    this.#step = step
    this.#ends = ends
    this.#options = options
    this.#image = formatReference(step.source)
    this.#blobs = new Map(step.contents.blobs.map((blob) => [blob.digest, blob]))
    this.#manifests = new Map(step.contents.manifests.map((manifest) => [manifest.descriptor.digest, manifest]))
  }

  async run(): Promise<CopyOutcome> {
    for (const { digest, size } of this.#step.contents.foreign) {
      this.#options.emit({ type: 'blob-skipped', image: this.#image, digest, size, reason: 'foreign' })
    }
    await this.#copy(this.#step.root.digest)
    const { root, state } = this.#step
    return { hasWritten: this.#hasWritten || state !== 'present', stored: { digest: root.digest } }
  }

  /** Copies a manifest or blob once; content outside this step, as a foreign layer or an excluded child, needs nothing. */
  #copy(digest: Digest): Promise<void> {
    const known = this.#done.get(digest)
    if (known !== undefined) return known
    const manifest = this.#manifests.get(digest)
    const blob = this.#blobs.get(digest)
    const done = manifest !== undefined ? this.#copyManifest(manifest) : blob !== undefined ? this.#copyBlob(blob) : Promise.resolve()
    this.#done.set(digest, done)
    return done
  }

  /** A child that several images of one repository share is written once, like a blob; a root is written under its own tag. */
  async #copyManifest(manifest: Manifest): Promise<void> {
    const { destination, root } = this.#step
    const { ledger } = this.#ends
    const { digest } = manifest.descriptor
    const isKnown = (): boolean => digest !== root.digest && ledger.has(digest, destination)
    if (isKnown()) return
    await this.#all(digestsBelow(manifest).map((child) => this.#copy(child)))
    await ledger.exclusively(digest, async () => {
      if (isKnown()) return
      await this.#write(manifest)
      // A child is written even where it is the root of another image, so that the order of the images does not count.
      if (digest !== root.digest) ledger.add(digest, destination)
    })
  }

  async #write(manifest: Manifest): Promise<void> {
    const { digest, size } = manifest.descriptor
    if (await this.#isPresent(manifest)) return
    await this.#putWhole(manifest)
    this.#hasWritten = true
    this.#options.emit({ type: 'manifest-copied', image: this.#image, digest, size })
  }

  /** Puts a manifest. Where the destination then reports missing content below it, copies that and puts it again: neither HEAD nor a present parent proves content. */
  async #putWhole(manifest: Manifest): Promise<void> {
    try {
      await this.#put(manifest)
    } catch (error) {
      const missing = isMirrorError(error) && error.side === 'destination' ? error.missing : undefined
      if (this.#options.signal?.aborted || missing === undefined) throw error
      if (!this.#isWhole(manifest)) {
        throw new MirrorError('UNSUPPORTED', 'the destination rejects an index whose other platforms are missing', {
          side: 'destination',
          hint: 'remove options.sparse: the chosen platforms then get their own index',
          cause: error,
        })
      }
      await this.#copyAgain(manifest, missing)
      await this.#put(manifest)
    }
  }

  /** True for a manifest that a recheck finds at the destination; those of a new or changed image are written without a check. */
  async #isPresent(manifest: Manifest): Promise<boolean> {
    if (this.#step.state !== 'present') return false
    const found = await this.#ends.destination.headManifest(this.#referenceTo(manifest), { signal: this.#options.signal })
    return found?.digest === manifest.descriptor.digest
  }

  /** False for a sparse index, whose children are missing on purpose. */
  #isWhole(manifest: Manifest): boolean {
    const foreign = new Set(this.#step.contents.foreign.map(({ digest }) => digest))
    return digestsBelow(manifest).every((digest) => this.#manifests.has(digest) || this.#blobs.has(digest) || foreign.has(digest))
  }

  /** Copies the missing content below a manifest; all content where the destination did not report which. */
  async #copyAgain(manifest: Manifest, missing: readonly string[]): Promise<void> {
    const references = digestsBelow(manifest)
    const named = references.filter((digest) => missing.includes(digest))
    for (const digest of named.length > 0 ? named : references) {
      const blob = this.#blobs.get(digest)
      const child = this.#manifests.get(digest)
      this.#ends.ledger.forget(digest)
      if (blob !== undefined) await this.#copyBlob(blob, 'disproved')
      else if (child !== undefined) await this.#putWhole(child)
    }
  }

  #referenceTo({ descriptor }: Manifest): Reference {
    const { destination, root } = this.#step
    return descriptor.digest === root.digest ? destination : atDigest(destination, descriptor.digest)
  }

  #put(manifest: Manifest): Promise<void> {
    const isRoot = manifest.descriptor.digest === this.#step.root.digest
    return this.#ends.destination.putManifest(this.#referenceTo(manifest), manifest, { signal: this.#options.signal, isRoot })
  }

  async #copyBlob(descriptor: Descriptor, disproved?: 'disproved'): Promise<void> {
    const { emit, signal } = this.#options
    const { digest, size } = descriptor
    const image = this.#image
    let reportedAt = 0
    const onProgress = (bytes: number): void => {
      const now = performance.now()
      if (now - reportedAt < progressInterval) return
      reportedAt = now
      emit({ type: 'blob-progressed', image, digest, size, bytes })
    }
    const onRetry = ({ attempt, delay, error }: Retry): void =>
      emit({ type: 'retrying', image, attempt, delay, error: summariseError(error) })
    const presence = disproved ?? (this.#step.state === 'present' ? 'likely' : undefined)
    const { source: from, destination: to, formerly } = this.#step
    const copy = { descriptor, from, to, formerly }
    const outcome = await copyBlob(copy, this.#ends, { presence, signal, onProgress, onRetry })
    if (outcome !== 'present') this.#hasWritten = true
    if (outcome === 'copied') emit({ type: 'blob-copied', image, digest, size })
    else emit({ type: 'blob-skipped', image, digest, size, reason: outcome })
  }

  /** Waits for all, so that no transfer of the image is running when it is reported as failed; then throws the first failure. */
  async #all(work: readonly Promise<void>[]): Promise<void> {
    const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

/** Copies images by their contents, from any source to any destination: blobs, then child manifests by digest, then the root by its tag. */
export function contentCopier(ends: Ends): ImageCopier {
  return { copy: (step, options) => new ImageCopy(step, ends, options).run() }
}
