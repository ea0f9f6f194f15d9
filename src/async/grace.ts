import { onAbort } from './on-abort.ts'

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
