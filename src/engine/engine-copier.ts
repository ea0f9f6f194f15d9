import type { CopyOptions, CopyOutcome, ImageCopier } from '../copy/image-copier.ts'
import { isMirrorError, type MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, pickEntries } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference } from '../oci/reference.ts'
import { BorrowedNames } from './borrowed-names.ts'
import { carryPlatform, type CarriedPlatform, type CarryMeans, type PlatformTarget } from './carry-platform.ts'
import { DiskSpace } from './disk-space.ts'
import { joinPlatforms, platformTag } from './join-platforms.ts'
import type { EngineStep } from './resolve-engine-image.ts'

/** Copies images through a Docker Engine: pull, tag, push, and a look at the destination as the proof. */
export class EngineCopier implements ImageCopier<EngineStep> {
  readonly #options: CarryMeans
  readonly #space: DiskSpace
  /** Names that could not be given back yet. */
  readonly #owed = new Set<BorrowedNames>()
  /** Why the run is over for every image: there is no space. */
  #stopped: MirrorError | undefined
  #keptTags = false

  constructor(options: CarryMeans) {
    this.#options = options
    this.#space = new DiskSpace(options.engine.facts.dataDirectory)
  }

  async copy(step: EngineStep, options: CopyOptions): Promise<CopyOutcome> {
    if (this.#stopped !== undefined) throw this.#stopped
    try {
      return await (step.chosen.length === 1 ? this.#copyOne(step, options) : this.#copySeveral(step, options))
    } catch (error) {
      if (isMirrorError(error) && error.code === 'NO_SPACE') this.#stopped ??= error
      throw error
    }
  }

  /** Ends the run: gives back what could not be given back before, and says so where that fails again. */
  async end(): Promise<readonly string[]> {
    await this.#settle()
    return this.#owed.size > 0 ? ['the Docker Engine did not answer at the end: images of this run may be left in it'] : []
  }

  /** One platform: the tag names what the Engine pushes. */
  async #copyOne(step: EngineStep, options: CopyOptions): Promise<CopyOutcome> {
    const { destination, existing } = step
    const present = existing && (await this.#manifest(destination, existing.digest, options))
    const target = { platform: step.chosen[0], target: tagged(destination), before: existing?.digest, present }
    const carried = await this.#carry(step, target, options)
    return outcome(step, carried.hasPushed, carried.descriptor.digest, [carried])
  }

  /** Several platforms, each under its own tag. The tag that nodes pull is written once, as the index; it never names a single platform. */
  async #copySeveral(step: EngineStep, options: CopyOptions): Promise<CopyOutcome> {
    const { existing, chosen } = step
    const destination = tagged(step.destination)
    const { signal, emit } = options
    const index = existing && (await this.#manifest(destination, existing.digest, options))
    const there = index && contentsOf(index)
    const carried: CarriedPlatform[] = []
    const tags: Reference[] = []
    try {
      for (const platform of chosen) {
        if (platform === undefined) continue
        const target = { ...destination, tag: platformTag(destination.tag, platform) }
        const [entry] = there?.kind === 'index' ? pickEntries(there.manifests, platform) : []
        const present = entry && (await this.#manifest(destination, entry.digest, options))
        const one = await this.#carry(step, { platform, target, present }, options)
        carried.push(one)
        if (one.hasPushed) tags.push(target)
      }
      const images = carried.flatMap(({ descriptor, platform }) => (platform === undefined ? [] : [{ descriptor, platform }]))
      const joined = joinPlatforms(images, step.root?.digest)
      const { digest, size } = joined.descriptor
      const isThere = existing?.digest === digest && this.#options.recheck !== true
      if (!isThere) {
        await this.#options.destination.registry.putManifest(destination, joined, { signal })
        emit({ type: 'manifest-copied', image: formatReference(step.source), digest, size })
      }
      await this.#removeTags(tags, carried, options)
      return outcome(step, !isThere || carried.some(({ hasPushed }) => hasPushed), digest, carried)
    } catch (error) {
      // What went wrong first is what is reported.
      await this.#removeTags(tags, carried, options).catch(() => undefined)
      throw error
    }
  }

  /** What cannot be read is carried again. */
  #manifest(destination: Reference, digest: Digest, { signal }: CopyOptions): Promise<Manifest | undefined> {
    return this.#options.destination.manifest(destination, digest, { signal }).catch((error: unknown) => {
      if (isMirrorError(error) && !signal?.aborted) return undefined
      throw error
    })
  }

  async #carry({ source, root }: EngineStep, target: PlatformTarget, options: CopyOptions): Promise<CarriedPlatform> {
    await this.#settle()
    const { engine, keep } = this.#options
    const names = new BorrowedNames(engine, await engine.list(options))
    try {
      const image = formatReference(source)
      return await carryPlatform({ ...this.#options, space: this.#space, names, image, source, root, ...target, ...options })
    } finally {
      if (keep !== true) await this.#giveBack(names)
    }
  }

  async #settle(): Promise<void> {
    for (const names of this.#owed) await this.#giveBack(names)
  }

  /** What fails is tried again later: an Engine that is gone comes back with all that it had. */
  async #giveBack(names: BorrowedNames): Promise<void> {
    try {
      const why = 'a container uses its image, or the image was there before and would go with the name'
      for (const name of await names.giveBack()) this.#options.onWarning?.(`${name} stays in the Docker Engine: ${why}`)
      this.#owed.delete(names)
    } catch {
      this.#owed.add(names)
    }
  }

  /** A registry that takes tags away may take what they name with them: that is written again. */
  async #removeTags(tags: readonly Reference[], carried: readonly CarriedPlatform[], { signal }: CopyOptions): Promise<void> {
    const { destination, onWarning } = this.#options
    const { registry } = destination
    const [first] = tags
    if (signal?.aborted || first === undefined) return
    // One after the other: some registries lose track of two at once.
    let isClean = true
    for (const tag of tags) isClean = (await registry.deleteTag(tag, { signal }).catch(() => false)) && isClean
    if (!isClean && !this.#keptTags) {
      this.#keptTags = true
      const ending = platformTag('', { os: 'os', architecture: 'arch' })
      onWarning?.(`the registry cannot delete tags: the tags that end in ${ending} stay at the destination`)
    }
    for (const { descriptor, manifest } of carried) {
      if (manifest === undefined) continue
      const named = atDigest(first, descriptor.digest)
      if ((await destination.find(named, { signal })) === undefined) await registry.putManifest(named, manifest, { signal })
    }
  }
}

function tagged({ registry, path, tag = 'latest' }: Reference): Reference & { readonly tag: string } {
  return { registry, path, tag }
}

function outcome({ root, platforms }: EngineStep, hasWritten: boolean, digest: Digest, carried: readonly CarriedPlatform[]): CopyOutcome {
  const found = carried.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))
  return { hasWritten, stored: { digest, digestPreserved: digest === root?.digest, platforms: found.length > 0 ? found : platforms } }
}
