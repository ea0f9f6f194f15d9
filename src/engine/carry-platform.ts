import { retry, type Retry, type RetryPolicy } from '../async/retry.ts'
import { summariseError } from '../copy/events.ts'
import type { CopyOptions } from '../copy/image-copier.ts'
import { MirrorError, type Side } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, isSamePlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { describeFallbacks } from '../plan/platform-subset.ts'
import type { BorrowedNames } from './borrowed-names.ts'
import type { DestinationView } from './destination-view.ts'
import { ImageGone } from './engine-error.ts'
import type { Engine, EngineImage, EngineTransfer } from './engine.ts'
import { patiently } from './patiently.ts'
import type { RegistryAuth } from './registry-auth.ts'
import type { Room } from './room.ts'
import { tellContents } from './tell-contents.ts'

/** What every image of a run is carried with. */
export interface CarryMeans {
  readonly engine: Engine
  readonly destination: DestinationView
  readonly room: Room
  /** The name that the Engine pulls a source by, which may be read from another registry than it names. */
  readonly pulledName: (source: Reference) => Reference
  /** What the Engine is to log in with, at the registry that a source is read from or a target is in. */
  readonly auth: (side: Side, repository: Repository, options: { readonly signal?: AbortSignal | undefined }) => Promise<RegistryAuth>
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Push what is there already too. */
  readonly recheck?: boolean | undefined
}

/** One platform of an image and where it goes. */
export interface PlatformWay {
  readonly image: string
  readonly source: Reference
  /** What the source's name stood for when it was looked up. */
  readonly root: Descriptor | undefined
  /** Undefined for the one that the Engine chooses. */
  readonly platform: Platform | undefined
  /** A tag at the destination. */
  readonly target: Reference
  /** What that tag names already. */
  readonly before?: Digest | undefined
  /** The image of this platform that the destination has already. */
  readonly present: Manifest | undefined
}

/** One platform of an image at the destination. */
export interface CarriedPlatform {
  readonly descriptor: Descriptor
  readonly platform: Platform | undefined
  /** Undefined where the destination cannot be read from here. */
  readonly manifest: Manifest | undefined
  /** False where the destination had this very image. */
  readonly hasPushed: boolean
}

/** How often an image is pulled again that something else has removed. */
const mostLosses = 3

/** One platform of one image on its way: pulled, tagged, pushed, and proved. */
export class PlatformCarrier {
  readonly #means: CarryMeans
  readonly #options: CopyOptions
  readonly #way: PlatformWay
  readonly #names: BorrowedNames

  constructor(means: CarryMeans, way: PlatformWay, names: BorrowedNames, options: CopyOptions) {
    this.#means = means
    this.#way = way
    this.#names = names
    this.#options = options
  }

  /** Carries it; an image that something else removes on the way is pulled again. */
  run(): Promise<CarriedPlatform> {
    return retry(() => this.#carry(), {
      retries: mostLosses,
      ...this.#means.retry,
      onRetry: this.#onRetry,
      signal: this.#options.signal,
      isTransient: (error) => error instanceof ImageGone,
    })
  }

  async #carry(): Promise<CarriedPlatform> {
    const { target, present, before } = this.#way
    const { engine, destination, recheck } = this.#means
    const { signal } = this.#options
    const image = await this.#pull()
    const platform = this.#platformOf(image)
    if (present !== undefined && recheck !== true && isSameImage(present, image)) {
      tellContents(this.#tell(present), { image, layers: undefined })
      return {
        descriptor: present.descriptor,
        platform: await this.#carriedPlatform(platform, present),
        manifest: present,
        hasPushed: false,
      }
    }
    this.#names.take(target)
    await engine.tag(image.id, target, { signal })
    const pushed = await this.#transfer('destination', target, (transfer) => engine.push(target, transfer))
    this.#names.take(atDigest(target, pushed.digest))
    await destination.prove(target, pushed.digest, { signal })
    const manifest = await destination.manifest(target, pushed.digest, { signal })
    const hasPushed = pushed.digest !== before
    if (manifest !== undefined) tellContents(this.#tell(manifest), { image, layers: hasPushed ? pushed.layers : undefined })
    const descriptor = manifest?.descriptor ?? (await destination.find(target, { signal }))
    if (descriptor === undefined)
      throw new MirrorError('PROTOCOL', `${formatReference(target)} was there and is gone`, { side: 'destination' })
    return { descriptor, platform: await this.#carriedPlatform(platform, manifest), manifest, hasPushed }
  }

  /** Podman states no variant, and may have fallen back to another one: the configuration that it pushed names it. */
  async #carriedPlatform(platform: Platform | undefined, manifest: Manifest | undefined): Promise<Platform | undefined> {
    const { engine, destination } = this.#means
    const { target, image } = this.#way
    const { emit, signal } = this.#options
    if (engine.facts.store !== 'podman' || platform === undefined || manifest === undefined) return platform
    const own = await destination.platform(target, manifest, { signal })
    if (own?.variant === undefined || isSamePlatform(own, platform) || !matchesPlatform(own, platform)) return platform
    for (const message of describeFallbacks([{ platform: own }], [platform])) emit({ type: 'warning', image, message })
    return own
  }

  async #pull(): Promise<EngineImage> {
    const { source, root } = this.#way
    const { engine, room, pulledName } = this.#means
    const { signal } = this.#options
    const named = pulledName(source)
    const pulled = source.digest === undefined ? named : atDigest(named, source.digest)
    const name = formatReference(pulled)
    if (source.digest !== undefined) await this.#refuseHeldDigest(name)
    await room.require()
    this.#names.take(pulled)
    const digests = await this.#transfer('source', pulled, (transfer) => engine.pull(pulled, transfer))
    for (const digest of digests) this.#names.take(atDigest(pulled, digest))
    if (root !== undefined && !digests.includes(root.digest)) throw movedMeanwhile(name, root.digest, digests.join(', '))
    const image = await engine.inspect(name, { signal })
    if (image === undefined) throw new ImageGone(name)
    this.#names.came(image.id)
    room.saw(image.size)
    return image
  }

  /** A classic store keeps one image for a digest, and refuses to pull that of another platform. */
  async #refuseHeldDigest(name: string): Promise<void> {
    const { platform } = this.#way
    const held = await this.#means.engine.inspect(name, { signal: this.#options.signal })
    if (held?.platform === undefined || platform === undefined || !this.#isClassic() || isSamePlatform(held.platform, platform)) return
    throw new MirrorError(
      'UNSUPPORTED',
      `the Docker Engine holds ${name} for ${formatPlatform(held.platform)}, and cannot hold it for ${formatPlatform(platform)} too`,
      {
        hint: 'Remove it from the Engine if nobody needs it there (docker image rm), or use --via registry.',
      },
    )
  }

  /** The platform of what was pulled: the one asked for, or the one that the Engine fell back to. Throws NO_SUCH_PLATFORM. */
  #platformOf({ platform: found }: EngineImage): Platform | undefined {
    const { platform, source } = this.#way
    if (platform === undefined) return found
    if (found === undefined || !this.#isClassic()) return platform
    // An image that names no variant is of whatever variant its index says.
    const isUnsaid = found.variant === undefined && found.architecture === platform.architecture
    const claimed = isUnsaid ? { ...platform, os: found.os } : found
    if (isSamePlatform(claimed, platform)) return platform
    if (matchesPlatform(claimed, platform)) return claimed
    throw new MirrorError(
      'NO_SUCH_PLATFORM',
      `the Docker Engine pulled ${formatReference(source)} for ${formatPlatform(found)} in place of ${formatPlatform(platform)}`,
      {
        side: 'source',
        hint: 'The image has no such platform; choose among those it has with --platform, or use --via registry.',
      },
    )
  }

  /** True for a store that holds one platform under a name. */
  #isClassic(): boolean {
    return this.#means.engine.facts.store !== 'containerd'
  }

  #tell(manifest: Manifest): Parameters<typeof tellContents>[0] {
    return { manifest, name: this.#way.image, emit: this.#options.emit }
  }

  readonly #onRetry = ({ attempt, delay, error }: Retry): void =>
    this.#options.emit({ type: 'retrying', image: this.#way.image, attempt, delay, error: summariseError(error) })

  /** A pull or a push, with its log-in and its progress. */
  async #transfer<T>(side: Side, reference: Reference, work: (transfer: EngineTransfer) => Promise<T>): Promise<T> {
    const { emit, signal } = this.#options
    const { auth: logIn, retry: policy } = this.#means
    const auth = await logIn(side, side === 'source' ? this.#way.source : reference, { signal })
    const onLayer: EngineTransfer['onLayer'] = (layer) => emit({ type: 'layer-progressed', image: this.#way.image, ...layer })
    return patiently(() => work({ auth, platform: this.#way.platform, onLayer, signal }), {
      side,
      registry: reference.registry,
      retry: policy,
      onRetry: this.#onRetry,
      onThrottled: (throttled) => emit({ type: 'throttled', ...throttled }),
      signal,
    })
  }
}

/** A classic store's id is the digest of the configuration, which a push keeps. */
function isSameImage(manifest: Manifest, { id }: EngineImage): boolean {
  const contents = contentsOf(manifest)
  return contents.kind === 'image' && contents.config.digest === id
}

function movedMeanwhile(name: string, before: Digest, now: string): MirrorError {
  return new MirrorError('UNAVAILABLE', `${name} was moved during the run: it was ${before}, and the Docker Engine pulled ${now}`, {
    side: 'source',
  })
}
