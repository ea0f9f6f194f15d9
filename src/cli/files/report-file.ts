import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isMirrorError, MirrorError, systemReason } from '../../errors.ts'
import { readPipe } from '../../release/read-pipe.ts'

/** Bytes of a report; one of a thousand images has a few MB. */
const maxReportBytes = 64 * 1024 * 1024

/** Reads a report, at most 64 MiB; a named pipe too. Throws USAGE with the hint. */
export async function readReport(path: string, { signal, hint }: { readonly signal: AbortSignal; readonly hint: string }): Promise<string> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new MirrorError('USAGE', `cannot read ${path}: ${why}`, { hint, cause })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const facts = await stat(path)
    if (!facts.isFile() && !facts.isFIFO()) refuse('not a file')
    // What blocks while it is opened keeps the process alive, whatever signal comes.
    const stream: AsyncIterable<Uint8Array> = facts.isFIFO() ? readPipe(path, { signal }) : createReadStream(path, { signal })
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxReportBytes) refuse('larger than 64 MiB')
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    signal.throwIfAborted()
    if (!isMirrorError(error)) return refuse(systemReason(error), error)
    if (error.code === 'USAGE') throw error
    return refuse('no process writes to this named pipe', error)
  }
}
