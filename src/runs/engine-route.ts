import pLimit from 'p-limit'
import type { RegistryEvents } from '../connect/clients.ts'
import type { RunEnds } from '../connect/destination.ts'
import { openEngine } from '../connect/engine.ts'
import { DestinationView } from '../engine/destination-view.ts'
import { EngineCopier } from '../engine/engine-copier.ts'
import { engineLogin, type EngineLogin } from '../engine/engine-login.ts'
import type { LookedUp } from '../engine/engine.ts'
import { resolveEngineImage, severalPlatforms, type EngineStep } from '../engine/resolve-engine-image.ts'
import { MirrorError, type Side } from '../errors.ts'
import { layoutDirectory } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isIndexType } from '../oci/media-type.ts'
import { formatPlatform, isSamePlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { isDockerHub } from '../oci/registry-host.ts'
import { refuseCollisions, type NamedImage } from '../plan/destination-names.ts'
import type { MirrorOptions } from './options.ts'
import type { MirrorRoute } from './route.ts'

/** Look-ups at once. */
const lookUps = 8

/** Asks the Engine what a source's name stands for. */
type LookUp = (reference: Reference) => Promise<LookedUp | undefined>

/** Refuses what only registry HTTP can do. Throws USAGE. */
export function refuseOptions({ to, from = {}, locked, sparse, foreignLayers, blobJobs, ifChanged = 'replace' }: MirrorOptions): void {
  const refuse = (what: string, why: string): never => {
    throw new MirrorError('USAGE', `${what} is unsupported with options.via docker: ${why}`, {
      hint: 'remove one of the two options',
    })
  }
  if (to === 'oci' || to.startsWith('oci:')) refuse(`options.to ${to}`, 'an Engine pushes only to registries')
  const layout = Object.values(from).find((place) => layoutDirectory(place) !== undefined)
  if (layout !== undefined) refuse(`options.from ${layout}`, 'an Engine pulls only from registries')
  if (ifChanged !== 'replace') refuse(`options.ifChanged ${ifChanged}`, 'an Engine reports the digest only after the push')
  if (locked !== undefined) refuse('options.locked', 'an Engine may change digests; options.images with the lock file pulls by digest')
  if (sparse === true) refuse('options.sparse', 'an Engine keeps no index')
  if (foreignLayers === true) refuse('options.foreignLayers', 'the Docker Engine chooses how to handle them')
  if (blobJobs !== undefined) refuse('options.blobJobs', 'the Docker Engine chooses how many layers it transfers at once')
}

/** Reaches a Docker Engine as the way between two ends; nothing is pulled yet. Throws INVALID_CONFIG, ENGINE_UNAVAILABLE and UNSUPPORTED. */
export async function openEngineRoute(
  ends: RunEnds,
  wanted: readonly Platform[] | undefined,
  options: MirrorOptions,
  events: RegistryEvents,
): Promise<MirrorRoute<EngineStep>> {
  const { retry, recheck, keep, signal } = options
  const { onRetry, onThrottled, onWarning } = events
  const { engine, name, isOpen } = await openEngine(options)
  const { apiVersion, store, canPushFromIndex } = engine.facts
  const auth = async (side: Side, repository: Repository, callOptions: CallOptions): Promise<EngineLogin> => {
    const { credentials, origin } = await ends.credentialsFor(side, repository, callOptions)
    return engineLogin(credentials, origin)
  }
  const pulledName = ({ registry, path, tag, digest }: Reference): Reference => {
    const { origin, prefix } = ends.source.endpoint(registry)
    const host = isDockerHub(origin.origin) ? 'docker.io' : origin.host
    const repository = { registry: host, path: `${prefix}${path}` }
    return digest === undefined ? { ...repository, ...(tag !== undefined && { tag }) } : atDigest(repository, digest)
  }
  const lookUp = async (side: Side, reference: Reference, pulled: Reference): Promise<LookedUp | undefined> =>
    engine.lookUp(pulled, side, { auth: await auth(side, reference, { signal }), signal })
  const lookUpSource = remembering((reference) => lookUp('source', reference, pulledName(reference)))
  const destination = new DestinationView({
    registry: ends.registry as NonNullable<RunEnds['registry']>,
    lookUp: (reference) => lookUp('destination', reference, reference),
    onWarning,
  })
  const copier = new EngineCopier({ engine, destination, pulledName, auth, retry, recheck, keep, onWarning })
  const resolveOptions = { wanted, canPushFromIndex, retry, onRetry, onThrottled, signal }
  return {
    engine: { apiVersion, store },
    warnings: isOpen ? [`passwords for registries go to the Docker Engine at ${name} in the clear: it is reached without TLS`] : [],
    resolve: (image) => resolveEngineImage(image, lookUpSource, destination, resolveOptions),
    copier,
    end: () => copier.end(),
    async check(images) {
      await refuseCollisions(images, { headManifest: async (reference) => (await lookUpSource(reference))?.root }, { signal })
      if (wanted === undefined) await refuseSeveral(images, lookUpSource)
    },
    async survey({ source, root, state, chosen, platforms }) {
      // What the Engine has under the same tag of an older image has to be pulled again.
      const image = root && (await engine.inspect(formatReference(atDigest(pulledName(source), root.digest)), { signal }))
      const held = image?.platform
      // By the name that the step has for it.
      const heldByEngine = held ? [formatPlatform(chosen.find((one) => one !== undefined && isSamePlatform(one, held)) ?? held)] : []
      const pulled = state === 'present' ? [] : platforms.filter((platform) => !heldByEngine.includes(platform))
      // For each platform the index is read, and the manifest below it.
      const pulls = pulled.length * (root !== undefined && isIndexType(root.mediaType) ? 2 : 1)
      return { missing: [], heldByEngine, dockerHubPulls: ends.source.isDockerHub(source) ? pulls : 0 }
    },
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  }
}

/** What failed, and what a second round asks for, is asked for anew. */
function remembering(lookUp: LookUp): LookUp {
  const known = new Map<string, Promise<LookedUp | undefined>>()
  return (reference) => {
    const key = formatReference(reference)
    const answer = known.get(key) ?? lookUp(reference)
    known.set(key, answer)
    void answer.catch(() => known.delete(key))
    return answer
  }
}

/** Refuses images of several platforms where none is chosen. */
async function refuseSeveral(images: readonly NamedImage[], lookUp: LookUp): Promise<void> {
  const limit = pLimit(lookUps)
  // What a registry refuses fails for itself when its turn comes.
  const refused: Pick<LookedUp, 'platforms'> = { platforms: [] }
  const found = await Promise.all(images.map(({ source }) => limit(() => lookUp(source).catch(() => refused))))
  const unknown = images.find((_, index) => found[index] === undefined)
  if (unknown !== undefined) {
    throw new MirrorError('USAGE', `the Docker Engine does not report the platforms of ${formatReference(unknown.source)} before a pull`, {
      hint: 'choose platforms, as in options.platforms linux/amd64,linux/arm64, or use options.via registry',
    })
  }
  const several = images.flatMap(({ source }, index) => {
    const offered = found[index]?.platforms ?? []
    return offered.length > 1 ? [{ source, offered }] : []
  })
  const [first] = several
  if (first !== undefined) throw severalPlatforms(formatReference(first.source), first.offered, several.length)
}
