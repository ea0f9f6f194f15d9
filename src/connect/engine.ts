import { retryPolicy } from '../async/retry.ts'
import { findEngineAddress, formatEngineAddress } from '../engine/engine-address.ts'
import { Engine } from '../engine/engine.ts'
import { isLoopback } from '../http/address.ts'
import type { ReachOptions } from './clients.ts'

/** Where a Docker Engine is, and how long it is waited for. */
export interface EngineOptions extends ReachOptions {
  /** As in DOCKER_HOST; default: where Docker's own command line finds it. */
  readonly dockerHost?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** An Engine that was reached. */
export interface ReachedEngine {
  readonly engine: Engine
  /** Its address and where that was found. */
  readonly name: string
  /** True where it is reached over a network in the clear. */
  readonly isOpen: boolean
}

/** Milliseconds that a pull or a push may be silent where nothing else is asked for: unpacking a large layer takes its time. */
const usualSilence = 10 * 60_000
const usualTimeout = 60_000
/** A daemon that is restarted is waited for this many times as long as the first failure of a registry: 30 s. */
const restartFactor = 120

/** Finds an Engine and agrees with it on a version. Throws INVALID_CONFIG, ENGINE_UNAVAILABLE and UNSUPPORTED. */
export async function openEngine({ dockerHost, environment, dockerConfig, timeout, retry, signal }: EngineOptions): Promise<ReachedEngine> {
  const { address, from } = await findEngineAddress({ dockerHost, environment, dockerConfig })
  const name = `${formatEngineAddress(address)} (${from})`
  const restart = restartFactor * retryPolicy(retry).baseDelay
  const waits = { timeout: timeout ?? usualTimeout, silence: timeout ?? usualSilence, restart }
  const engine = await Engine.open({ address, name, ...waits, environment }, { signal })
  return { engine, name, isOpen: address.kind === 'tcp' && address.tls === undefined && !isLoopback(address.host) }
}
