import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { refuseList } from './list-text.ts'

const pollInterval = 20

/** The bytes of a named pipe, opened without blocking, which could not be cancelled; throws INVALID_LIST where no process writes within `patience` milliseconds. */
export async function* readPipe(
  path: string,
  { patience = 10_000, signal }: { readonly patience?: number; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const deadline = performance.now() + patience
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const buffer = new Uint8Array(64 * 1024)
    let hasWriter = false
    for (;;) {
      const read = await file.read(buffer).catch((error: unknown) => {
        // A writer is there, and has nothing to say yet.
        if ((error as { code?: unknown }).code === 'EAGAIN') return undefined
        throw error
      })
      if (read?.bytesRead === 0) {
        if (hasWriter) return
        if (performance.now() > deadline) refuseList(path, 'no process writes to this named pipe')
      } else {
        hasWriter = true
        if (read !== undefined) yield buffer.slice(0, read.bytesRead)
      }
      if (read === undefined || read.bytesRead === 0) await sleep(pollInterval, undefined, { signal })
    }
  } finally {
    await file.close()
  }
}
