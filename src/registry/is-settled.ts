import { isMirrorError, MirrorError } from '../errors.ts'
import type { RegistryTransport } from './transport.ts'

/** Times that a registry is asked again for what it has just accepted. */
const retries = 3

/** True once the registry has what it accepted: behind replicas and caches that may be a moment later. */
export async function isSettled(
  transport: RegistryTransport,
  has: () => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const missing = new MirrorError('UNAVAILABLE', `${transport.endpoint.origin.host} does not have yet what it accepted`)
  try {
    await transport.retry(
      async () => {
        if (!(await has())) throw missing
      },
      { signal, retries },
    )
    return true
  } catch (error) {
    if (isMirrorError(error) && error.message === missing.message) return false
    throw error
  }
}
