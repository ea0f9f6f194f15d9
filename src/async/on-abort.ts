const listeners = new WeakMap<AbortSignal, Set<() => void>>()

function listenersOf(signal: AbortSignal): Set<() => void> {
  let all = listeners.get(signal)
  if (all === undefined) {
    const added = new Set<() => void>()
    signal.addEventListener('abort', () => added.forEach((listener) => listener()), { once: true })
    listeners.set(signal, added)
    all = added
  }
  return all
}

/**
 * Calls the listener when the signal is aborted; the returned function takes it away. A run's one signal is listened to by every
 * request, and an AbortSignal compares each new listener with all it has: here they are a set.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined
  const all = listenersOf(signal)
  all.add(listener)
  return () => all.delete(listener)
}

/** Waits for work that cannot be ended early, but no longer than until the signal; rejects with its reason then. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted()
  let forget: () => void = () => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    forget = onAbort(signal, () => reject(signal?.reason as Error))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    forget()
  }
}
