import type { ChunkSink, Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'

/** Milliseconds of waiting before a place is judged, and between two looks at the clock. */
const patience = 5000
const tick = 250

/** Bytes per second below which another place is asked. */
const leastRate = 1024 * 1024

/** Reads content into the sink, and gives up with TIMEOUT on a place that is slow to deliver; the time that the sink takes does not count. */
export async function readPromptly(open: (signal: AbortSignal) => Promise<Content>, sink: ChunkSink, signal?: AbortSignal): Promise<void> {
  const slow = new AbortController()
  let waited = 0
  let bytes = 0
  let since: number | undefined = performance.now()
  const clock = setInterval(() => {
    const total = waited + (since === undefined ? 0 : performance.now() - since)
    if (total > patience && bytes < (leastRate * total) / 1000) slow.abort(new MirrorError('TIMEOUT', 'reading a blob back is too slow'))
  }, tick)
  const resume = (): void => void (since = performance.now())
  try {
    const content = await open(signal === undefined ? slow.signal : AbortSignal.any([signal, slow.signal]))
    await content.read((chunk) => {
      if (since !== undefined) waited += performance.now() - since
      since = undefined
      bytes += chunk.length
      const taken = sink(chunk)
      return taken === undefined ? resume() : taken.then(resume)
    })
  } finally {
    clearInterval(clock)
  }
}
