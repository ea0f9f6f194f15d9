import { openConnections, type Connections, type RegistryEvents } from '../connect/clients.ts'
import { destinationIdentity, openReadBack, refuseSharedLogin, type NamedDestination } from '../connect/destination.ts'
import type { RunSource } from '../connect/source-layouts.ts'
import { openSources } from '../connect/sources.ts'
import { MirrorError } from '../errors.ts'
import { Branch } from '../fan-out/branch.ts'
import { FanOut } from '../fan-out/fan-out.ts'
import { openLock, selectListed } from './list-images.ts'
import type { MirrorOptions } from './options.ts'
import { prepareDestination, settleOptions, type Prepared, type SettledOptions } from './prepare.ts'

/** The source of a run to several destinations, and the way to each of them. */
export interface OpenedDestinations extends AsyncDisposable {
  /** Requests sent to the source for all destinations. */
  readonly sourceRequests: () => number
  /** Settles everything at one destination before its first image, and closes it after `use`. */
  prepare<T>(index: number, signal: AbortSignal, use: (prepared: Prepared) => Promise<T>): Promise<T>
}

/** Options of a command with several destinations. */
type ManyOptions = Omit<MirrorOptions, 'to'> & { readonly to: readonly string[]; readonly readOnly?: boolean }

/** Refuses names of one destination: two writers would wait for each other. */
async function refuseSame(to: readonly string[], named: readonly NamedDestination[]): Promise<void> {
  const known = new Map<string, string>()
  for (const [index, identity] of (await Promise.all(named.map(destinationIdentity))).entries()) {
    const first = known.get(identity)
    const name = to[index] ?? ''
    if (first !== undefined) {
      const what = first === name ? `"${name}" is given twice` : `"${first}" and "${name}" are the same destination`
      throw new MirrorError('USAGE', `invalid options.to: ${what}`, { hint: 'pass each destination once' })
    }
    known.set(identity, name)
  }
}

/** Refuses what is for one destination only. Throws USAGE. */
async function refuseSeveral({ to, via, destinationCredentials }: ManyOptions, named: readonly NamedDestination[]): Promise<void> {
  if (to.length < 2) return
  await refuseSame(to, named)
  if (via === 'docker') {
    throw new MirrorError(
      'USAGE',
      'several options.to are unsupported with options.via docker: images have one name at a time in the Engine',
      {
        hint: 'run the command once for each destination, with options.keep so that the Engine pulls only once',
      },
    )
  }
  refuseSharedLogin(named, destinationCredentials)
}

/** What the source does is an event of one destination that is still running; a warning is in the report of each. */
function eventsOfSource(running: ReadonlySet<RegistryEvents>): RegistryEvents {
  const first = (): RegistryEvents | undefined => running.values().next().value
  return {
    onRetry: (retry) => first()?.onRetry?.(retry),
    onThrottled: (throttled) => first()?.onThrottled?.(throttled),
    onWarning: (message) => running.forEach(({ onWarning }) => onWarning?.(message)),
  }
}

/** The source as one destination sees it. */
function sourceOf(branch: Branch, source: RunSource): RunSource {
  return {
    endpoint: (registry) => source.endpoint(registry),
    checkAccess: (images, options) => source.checkAccess(images, options),
    isDockerHub: (repository) => source.isDockerHub(repository),
    rateLimits: () => source.rateLimits(),
    headManifest: (reference, options) => branch.headManifest(reference, options),
    getManifest: (reference, options) => branch.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => branch.getBlob(repository, descriptor, options),
  }
}

/** Reads the options of all destinations, opens the source and reads the lists, once for all; `events` has those of each destination. Throws as `prepare` does before it opens the destination. */
export async function openDestinations(
  options: ManyOptions,
  events: readonly RegistryEvents[],
  signal: AbortSignal,
): Promise<OpenedDestinations> {
  const { to } = options
  const lock = await openLock(options)
  const reads: SettledOptions[] = []
  for (const destination of to) reads.push(await settleOptions({ ...options, to: destination }, lock))
  const names = reads.map(({ named }) => named)
  await refuseSeveral(options, names)
  const running = new Set(events)
  const sources = await openSources(options, eventsOfSource(running), { signal })
  try {
    const list = await selectListed(sources.client, { ...options, signal }, lock)
    const connections: Connections[] = []
    for (const own of events) connections.push(await openConnections(options, own, { signal }))
    const fanOut = new FanOut<Branch>(sources.source, signal)
    const openFrom = (own: Connections) => (other: Branch) => openReadBack(names[branches.indexOf(other)] as NamedDestination, own, options)
    // All of them before the first one asks: answers are kept for those that are there.
    const branches: readonly Branch[] = connections.map((own) => new Branch(fanOut, openFrom(own)))
    return {
      sourceRequests: () => sources.requests().source,
      async prepare(index, ownSignal, use) {
        await using own = connections[index] as Connections
        const branch = branches[index] as Branch
        const source = sourceOf(branch, sources.source)
        const selected = { sources: { ...own, source, from: sources.from }, list, lock, branch }
        try {
          const ownOptions = { ...options, to: to[index] ?? '', signal: ownSignal }
          return await prepareDestination(ownOptions, reads[index] as SettledOptions, selected, events[index] ?? {}, use)
        } finally {
          branch.end()
          running.delete(events[index] ?? {})
        }
      },
      [Symbol.asyncDispose]: () => sources[Symbol.asyncDispose](),
    }
  } catch (error) {
    await sources[Symbol.asyncDispose]()
    throw error
  }
}
