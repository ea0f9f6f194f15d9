import { setImmediate } from 'node:timers/promises'

/** Milliseconds for which a loop may keep signals, timers and sockets waiting. */
const longestTurn = 50

/**
 * For loops over what may be long: each turn awaits the returned function, which lets signals and timers through from time to time.
 * Rejects with the signal's reason once it is aborted.
 */
export function yielding(signal?: AbortSignal): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < longestTurn) return
    await setImmediate()
    since = performance.now()
    signal?.throwIfAborted()
  }
}
