import pLimit from 'p-limit'
import { retryPolicy } from '../async/retry.ts'
import type { Places } from '../connect/destination.ts'
import type { EngineSummary } from '../copy/events.ts'
import { DestinationView } from '../engine/destination-view.ts'
import { findEngineAddress, formatEngineAddress } from '../engine/engine-address.ts'
import { EngineCopier } from '../engine/engine-copier.ts'
import { Engine, type LookedUp } from '../engine/engine.ts'
import { registryAuth, type RegistryAuth } from '../engine/registry-auth.ts'
import { resolveEngineImage, severalPlatforms, type EngineStep } from '../engine/resolve-engine-image.ts'
import { MirrorError, type Side } from '../errors.ts'
import { isLoopback } from '../http/address.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatPlatform, isSamePlatform, parsePlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { isDockerHub } from '../oci/registry-host.ts'
import type { NamedImage } from '../plan/collisions.ts'
import { findCredentials } from '../registry/auth/credentials.ts'
import { parseEndpoint } from '../registry/endpoint.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import type { PlanOptions } from './options.ts'

/** Milliseconds that a pull or a push may be silent where nothing else is asked for: unpacking a large layer takes its time. */
const usualSilence = 10 * 60_000
const usualTimeout = 60_000
/** A daemon that is restarted is waited for this many times as long as the first failure of a registry: 30 s. */
const restartFactor = 120
/** Look-ups at once. */
const lookUps = 8

/** The way through a Docker Engine. */
export interface EngineRoute extends Disposable {
  readonly summary: EngineSummary
  readonly copier: EngineCopier
  readonly warnings: readonly string[]
  readonly resolve: (image: NamedImage) => Promise<EngineStep>
  /** The root that a source's name stands for, where that has to be known. */
  readonly headManifest: (reference: Reference) => Promise<LookedUp['root'] | undefined>
  /** `os/arch[/variant]` of what the Engine holds of a source already. */
  readonly held: (step: EngineStep) => Promise<readonly string[]>
  /** Refuses images of several platforms where none is chosen, before anything moves. Throws USAGE. */
  readonly refuseSeveralPlatforms: (images: readonly NamedImage[]) => Promise<void>
}

/** An Engine's way with both of its ends. */
export interface OpenEngine extends EngineRoute {
  readonly places: Places
}

/** What only registry HTTP can do. Throws USAGE. */
function refuseOptions(options: PlanOptions): void {
  const refuse = (what: string, why: string): never => {
    throw new MirrorError('USAGE', `${what} cannot be done with --via docker: ${why}`, { hint: 'Use --via registry, or leave it out.' })
  }
  if (options.to === 'oci' || options.to.startsWith('oci:')) refuse(`--to ${options.to}`, 'an Engine pushes to registries alone')
  if (options.sparse === true) refuse('--sparse', 'an Engine keeps no index')
  if (options.foreignLayers === true) refuse('--foreign-layers', 'an Engine decides on them itself')
  if (options.blobJobs !== undefined) refuse('--blob-jobs', 'an Engine decides itself how many layers it moves at once')
}

/** Where an Engine is, and how long it is waited for. */
export type EngineOptions = Pick<PlanOptions, 'dockerHost' | 'environment' | 'dockerConfig' | 'timeout' | 'retry' | 'signal'>

/** An Engine that was reached. */
export interface ReachedEngine {
  readonly engine: Engine
  /** Its address and where that was found. */
  readonly name: string
  /** True where it is reached over a network in the clear. */
  readonly isOpen: boolean
}

/** Finds an Engine and agrees with it on a version. Throws INVALID_CONFIG, ENGINE_UNAVAILABLE and UNSUPPORTED. */
export async function openEngine(options: EngineOptions): Promise<ReachedEngine> {
  const { dockerHost, environment, dockerConfig, timeout, signal } = options
  const { address, from } = await findEngineAddress({ dockerHost, environment, dockerConfig })
  const name = `${formatEngineAddress(address)} (${from})`
  const engine = await Engine.open(
    {
      address,
      name,
      timeout: timeout ?? usualTimeout,
      silence: timeout ?? usualSilence,
      restart: restartFactor * retryPolicy(options.retry).baseDelay,
      environment,
    },
    { signal },
  )
  return { engine, name, isOpen: address.kind === 'tcp' && address.tls === undefined && !isLoopback(address.host) }
}

/** Reaches the Engine; nothing is pulled yet. Throws USAGE, INVALID_CONFIG, ENGINE_UNAVAILABLE and UNSUPPORTED. */
export async function openEngineRoute(
  options: PlanOptions,
  openPlaces: () => Promise<Places>,
  events: RegistryEvents,
): Promise<OpenEngine> {
  refuseOptions(options)
  const { signal } = options
  const platforms = options.platforms?.map(parsePlatform)
  const destinationOrigin = parseEndpoint(options.to).origin.origin
  const { engine, name, isOpen } = await openEngine(options)
  let places: Places
  try {
    places = await openPlaces()
  } catch (error) {
    engine[Symbol.dispose]()
    throw error
  }
  const auth = async (side: Side, { registry, path }: Repository, { signal: aborted }: CallOptions): Promise<RegistryAuth> => {
    const at = side === 'source' ? places.source.endpoint(registry) : undefined
    const origin = at?.origin.origin ?? destinationOrigin
    const found = await findCredentials(places.credentials[side], origin, { repository: `${at?.prefix ?? ''}${path}`, signal: aborted })
    return registryAuth(found?.credentials, origin)
  }
  const pulledName = ({ registry, path, tag, digest }: Reference): Reference => {
    const { origin, prefix } = places.source.endpoint(registry)
    const host = isDockerHub(origin.origin) ? 'docker.io' : origin.host
    return { registry: host, path: `${prefix}${path}`, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
  }
  const lookUp = async (side: Side, reference: Reference, pulled: Reference): Promise<LookedUp | undefined> =>
    engine.lookUp(pulled.digest === undefined ? pulled : atDigest(pulled, pulled.digest), side, {
      auth: await auth(side, reference, { signal }),
      signal,
    })
  const known = new Map<string, Promise<LookedUp | undefined>>()
  const lookUpSource = (reference: Reference): Promise<LookedUp | undefined> => {
    const key = formatReference(reference)
    const answer = known.get(key) ?? lookUp('source', reference, pulledName(reference))
    known.set(key, answer)
    // What failed, and what a second round asks for, is asked for anew.
    void answer.catch(() => known.delete(key))
    return answer
  }
  const destination = new DestinationView({
    registry: places.registry as NonNullable<Places['registry']>,
    lookUp: (reference) => lookUp('destination', reference, reference),
    onWarning: events.onWarning,
  })
  const { retry, recheck, keep } = options
  const { canPushFromIndex } = engine.facts
  const told = { onRetry: events.onRetry, onThrottled: events.onThrottled }
  const copier = new EngineCopier({
    engine,
    destination,
    pulledName,
    auth,
    retry,
    recheck,
    keep,
    onWarning: events.onWarning,
  })
  return {
    places,
    summary: { apiVersion: engine.facts.apiVersion, store: engine.facts.store },
    copier,
    warnings: isOpen ? [`passwords for registries go to the Docker Engine at ${name} in the clear: it is reached without TLS`] : [],
    resolve: (image) => resolveEngineImage(image, lookUpSource, destination, { platforms, canPushFromIndex, retry, ...told, signal }),
    headManifest: async (reference) => (await lookUpSource(reference))?.root,
    held: (step) => heldPlatforms(engine, pulledName(step.source), step, signal),
    refuseSeveralPlatforms: (images) => refuseSeveral(images, platforms, lookUpSource),
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  }
}

/** Of the very image that the source has now; what the Engine holds under the same tag of an older one has to be pulled again. */
async function heldPlatforms(
  engine: Engine,
  pulled: Reference,
  { root, wanted }: EngineStep,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (root === undefined) return []
  const image = await engine.inspect(formatReference(atDigest(pulled, root.digest)), { signal })
  const { platform } = image ?? {}
  if (platform === undefined) return []
  // By the name that the step has for it.
  return [formatPlatform(wanted.find((one) => one !== undefined && isSamePlatform(one, platform)) ?? platform)]
}

async function refuseSeveral(
  images: readonly NamedImage[],
  platforms: readonly Platform[] | undefined,
  lookUp: (reference: Reference) => Promise<LookedUp | undefined>,
): Promise<void> {
  if (platforms !== undefined) return
  const limit = pLimit(lookUps)
  // What a registry refuses fails for itself when its turn comes.
  const refused: Pick<LookedUp, 'platforms'> = { platforms: [] }
  const found = await Promise.all(images.map(({ source }) => limit(() => lookUp(source).catch(() => refused))))
  const unknown = images.find((_, index) => found[index] === undefined)
  if (unknown !== undefined) {
    throw new MirrorError('USAGE', `the Docker Engine cannot tell the platforms of ${formatReference(unknown.source)} before it pulls`, {
      hint: 'Choose with --platform, as in --platform linux/amd64 or --platform linux/amd64,linux/arm64, or use --via registry.',
    })
  }
  const several = images.flatMap(({ source }, index) => {
    const offered = found[index]?.platforms ?? []
    return offered.length > 1 ? [{ source, offered }] : []
  })
  const [first] = several
  if (first !== undefined) throw severalPlatforms(formatReference(first.source), first.offered, several.length)
}
