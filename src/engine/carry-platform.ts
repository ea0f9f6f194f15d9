import { retry, type Retry, type RetryPolicy } from '../async/retry.ts'
import { summariseError } from '../copy/events.ts'
import type { CopyOptions } from '../copy/image-copier.ts'
import { MirrorError, type Side } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, isSamePlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { describeFallbacks } from '../plan/platform-subset.ts'
import type { BorrowedNames } from './borrowed-names.ts'
import type { DestinationView } from './destination-view.ts'
import type { DiskSpace } from './disk-space.ts'
import { ImageGone } from './engine-error.ts'
import type { EngineLogin } from './engine-login.ts'
import type { Engine, EngineImage, EngineTransfer } from './engine.ts'
import type { LayerOutcome } from './follow-messages.ts'
import type { EngineStep } from './resolve-engine-image.ts'
import { retryThroughEngine } from './retry-through-engine.ts'

/** What every image of a run is carried with. */
export interface CarryMeans {
  readonly engine: Engine
  readonly destination: DestinationView
  /** The tag or digest that the Engine pulls a source by, which may be read from another registry than it names. */
  readonly pulledName: (source: Reference) => Reference
  /** What the Engine is to log in with, at the registry that a source is read from or a target is in. */
  readonly auth: (side: Side, repository: Repository, options: CallOptions) => Promise<EngineLogin>
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Also push content that the destination already has. */
  readonly recheck?: boolean | undefined
  /** Leave in the Engine what was pulled. */
  readonly keep?: boolean | undefined
  readonly onWarning?: ((message: string) => void) | undefined
}

/** One platform of an image, and where it goes. */
export interface PlatformTarget {
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

/** One platform of one image on its way, and all it takes. */
interface Carriage extends CarryMeans, PlatformTarget, CopyOptions, Pick<EngineStep, 'source' | 'root'> {
  /** The name of the source for events. */
  readonly image: string
  readonly names: BorrowedNames
  readonly space: DiskSpace
}

/** How often an image is pulled again that something else has removed. */
const mostLosses = 3

/** Carries one platform of one image: pulls, tags and pushes it, and proves it; an image that something else removes on the way is pulled again. */
export function carryPlatform(carriage: Carriage): Promise<CarriedPlatform> {
  return retry(() => carryOnce(carriage), {
    retries: mostLosses,
    ...carriage.retry,
    onRetry: onRetry(carriage),
    signal: carriage.signal,
    isTransient: (error) => error instanceof ImageGone,
  })
}

async function carryOnce(carriage: Carriage): Promise<CarriedPlatform> {
  const { engine, destination, target, present, before, recheck, names, signal } = carriage
  const image = await pull(carriage)
  const platform = pulledPlatform(carriage, image)
  if (present !== undefined && recheck !== true && isSameImage(present, image)) {
    emitContents(carriage, present, image)
    const carried = await carriedPlatform(carriage, platform, present)
    return { descriptor: present.descriptor, platform: carried, manifest: present, hasPushed: false }
  }
  names.take(target)
  await engine.tag(image.id, target, { signal })
  const pushed = await transfer(carriage, 'destination', target, (options) => engine.push(target, options))
  names.take(atDigest(target, pushed.digest))
  await destination.prove(target, pushed.digest, { signal })
  const manifest = await destination.manifest(target, pushed.digest, { signal })
  const hasPushed = pushed.digest !== before
  if (manifest !== undefined) emitContents(carriage, manifest, image, hasPushed ? pushed.layers : undefined)
  const descriptor = manifest?.descriptor ?? (await destination.find(target, { signal }))
  if (descriptor === undefined)
    throw new MirrorError('PROTOCOL', `${formatReference(target)} was deleted at the destination during the run`, { side: 'destination' })
  return { descriptor, platform: await carriedPlatform(carriage, platform, manifest), manifest, hasPushed }
}

/** Podman states no variant, and may have fallen back to another one: the configuration that it pushed names it. */
async function carriedPlatform(
  { engine, destination, target, image, emit, signal }: Carriage,
  platform: Platform | undefined,
  manifest: Manifest | undefined,
): Promise<Platform | undefined> {
  if (engine.facts.store !== 'podman' || platform === undefined || manifest === undefined) return platform
  const own = await destination.platform(target, manifest, { signal })
  if (own?.variant === undefined || isSamePlatform(own, platform) || !matchesPlatform(own, platform)) return platform
  for (const message of describeFallbacks([{ platform: own }], [platform])) emit({ type: 'warning', image, message })
  return own
}

async function pull(carriage: Carriage): Promise<EngineImage> {
  const { source, root, platform, engine, space, names, pulledName, signal } = carriage
  const pulled = pulledName(source)
  const name = formatReference(pulled)
  if (source.digest !== undefined && platform !== undefined && isClassic(engine)) {
    const held = (await engine.inspect(name, { signal }))?.platform
    if (held !== undefined && !isSamePlatform(held, platform)) throw heldForAnother(name, held, platform)
  }
  await space.require()
  names.take(pulled)
  const digests = await transfer(carriage, 'source', pulled, (options) => engine.pull(pulled, options))
  for (const digest of digests) names.take(atDigest(pulled, digest))
  if (root !== undefined && !digests.includes(root.digest)) {
    const message = `${name} changed during the run: it was ${root.digest}, and the Docker Engine pulled ${digests.join(', ')}`
    throw new MirrorError('UNAVAILABLE', message, { side: 'source', subject: name })
  }
  const image = await engine.inspect(name, { signal })
  if (image === undefined) throw new ImageGone(name)
  names.noteImage(image.id)
  space.noteImage(image.size)
  return image
}

/** A classic store keeps one image for a digest, and refuses to pull that of another platform. */
function heldForAnother(name: string, held: Platform, wanted: Platform): MirrorError {
  const message = `the Docker Engine holds ${name} for ${formatPlatform(held)}, and cannot store it for ${formatPlatform(wanted)} too`
  const hint = 'remove it from the Engine with docker image rm, or use options.via registry'
  return new MirrorError('UNSUPPORTED', message, { subject: name, hint })
}

/** The platform of what was pulled: the one asked for, or the one that the Engine fell back to. Throws NO_SUCH_PLATFORM. */
function pulledPlatform({ engine, platform, source }: Carriage, { platform: found }: EngineImage): Platform | undefined {
  if (platform === undefined) return found
  if (found === undefined || !isClassic(engine)) return platform
  // An image that names no variant is of whatever variant its index says.
  const isUnsaid = found.variant === undefined && found.architecture === platform.architecture
  const claimed = isUnsaid ? { ...platform, os: found.os } : found
  if (isSamePlatform(claimed, platform)) return platform
  if (matchesPlatform(claimed, platform)) return claimed
  const subject = formatReference(source)
  throw new MirrorError(
    'NO_SUCH_PLATFORM',
    `the Docker Engine pulled ${subject} for ${formatPlatform(found)} instead of ${formatPlatform(platform)}`,
    {
      side: 'source',
      subject,
      hint: 'choose one of its platforms with options.platforms, or use options.via registry',
    },
  )
}

/** True for a store that holds one platform under a name. */
function isClassic({ facts }: Engine): boolean {
  return facts.store !== 'containerd'
}

/** A pull or a push, with its log-in and its progress. */
async function transfer<T>(
  carriage: Carriage,
  side: Side,
  reference: Reference,
  work: (options: EngineTransfer) => Promise<T>,
): Promise<T> {
  const { image, source, platform, auth: logIn, emit, signal } = carriage
  const auth = await logIn(side, side === 'source' ? source : reference, { signal })
  const onLayer: EngineTransfer['onLayer'] = (layer) => emit({ type: 'layer-progressed', image, ...layer })
  return retryThroughEngine(() => work({ auth, platform, onLayer, signal }), side, reference.registry, {
    retry: carriage.retry,
    onRetry: onRetry(carriage),
    onThrottled: (throttled) => emit({ type: 'throttled', ...throttled }),
    signal,
  })
}

function onRetry({ image, emit }: Carriage): (retry: Retry) => void {
  return ({ attempt, delay, error }) => emit({ type: 'retrying', image, attempt, delay, error: summariseError(error) })
}

/** A classic store's id is the digest of the configuration, which a push keeps. */
function isSameImage(manifest: Manifest, { id }: EngineImage): boolean {
  const contents = contentsOf(manifest)
  return contents.kind === 'image' && contents.config.digest === id
}

/**
 * Emits the events of the blobs and the manifest as any other copy does, with their digests and sizes at the destination. The Engine identifies layers
 * by their unpacked (classic) or packed (containerd) digest; a manifest lists them in the same order. `outcomes` has what a push reported, by short id.
 */
function emitContents(
  { image: name, emit }: Carriage,
  manifest: Manifest,
  image: EngineImage,
  outcomes?: ReadonlyMap<string, LayerOutcome>,
): void {
  const contents = contentsOf(manifest)
  if (contents.kind === 'index') return
  const report = ({ digest, size }: Descriptor, outcome: LayerOutcome): void =>
    outcome === 'copied'
      ? emit({ type: 'blob-copied', image: name, digest, size })
      : emit({ type: 'blob-skipped', image: name, digest, size, reason: outcome })
  // Podman may push without a word of layers.
  const unsaid: LayerOutcome = outcomes?.size === 0 ? 'copied' : 'present'
  let isNew = false
  for (const [index, layer] of contents.layers.entries()) {
    const outcome = outcomes?.get(shortId(layer.digest)) ?? outcomes?.get(shortId(image.layers[index] ?? '')) ?? unsaid
    isNew ||= outcome !== 'present'
    report(layer, outcome)
  }
  // Nothing is said of the configuration: it is new where any layer is.
  report(contents.config, isNew ? 'copied' : 'present')
  const { digest, size } = manifest.descriptor
  if (outcomes !== undefined) emit({ type: 'manifest-copied', image: name, digest, size })
}

function shortId(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12)
}
