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

/** Calls the listener on abort, until the returned function is called: an AbortSignal compares each new listener with all it has, here they are a set. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined
  const all = listenersOf(signal)
  all.add(listener)
  return () => all.delete(listener)
}

/** A signal that is aborted `milliseconds` after the given one, so that what is under way may come to its end; dispose of it when it did. */
export function graceAfter(
  signal: AbortSignal | undefined,
  milliseconds: number,
): Disposable & { readonly signal: AbortSignal | undefined } {
  if (signal === undefined) return { signal, [Symbol.dispose]: () => undefined }
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const leave = onAbort(signal, () => {
    timer = setTimeout(() => late.abort(signal.reason), milliseconds)
  })
  return {
    signal: late.signal,
    [Symbol.dispose]() {
      leave()
      clearTimeout(timer)
    },
  }
}
