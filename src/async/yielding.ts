import { setImmediate } from 'node:timers/promises'

/** Milliseconds for which a loop may keep signals, timers and sockets waiting. */
const longestTurn = 50

/** For long loops, whose turns await the returned function: it lets signals and timers through, and rejects with the signal's reason once that is aborted. */
export function yielding(signal?: AbortSignal): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < longestTurn) return
    await setImmediate()
    since = performance.now()
    signal?.throwIfAborted()
  }
}
