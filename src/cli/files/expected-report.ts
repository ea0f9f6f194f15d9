import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { readPipe } from '../../release/read-pipe.ts'
import type { VerifyOptions } from '../../runs/verify.ts'
import { readExpectedDigests } from '../../verify/expected-digest.ts'

/** Bytes of a report; one of a thousand images has a few MB. */
const maxReportBytes = 64 * 1024 * 1024

/** Reads the digests out of the report of `--expect`. Throws USAGE. */
export async function readExpected(path: string, signal: AbortSignal): Promise<NonNullable<VerifyOptions['expected']>> {
  const hint = 'Give the file that mirror --report has written.'
  const refuse = (why: string, cause?: unknown): never => {
    throw new MirrorError('USAGE', `cannot read ${path}${why}`, { hint, cause })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const facts = await stat(path)
    if (!facts.isFile() && !facts.isFIFO()) refuse(': it is not a file')
    // What blocks while it is opened keeps the process alive, whatever signal comes.
    const stream: AsyncIterable<Uint8Array> = facts.isFIFO() ? readPipe(path, { signal }) : createReadStream(path, { signal })
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxReportBytes) refuse(': it is larger than 64 MiB')
    }
    return { name: path, digests: readExpectedDigests(Buffer.concat(chunks).toString('utf8'), path) }
  } catch (error) {
    signal.throwIfAborted()
    if (!isMirrorError(error)) return refuse(` (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`, error)
    if (error.code === 'USAGE') throw error.with({ hint })
    return refuse(': nobody writes to this named pipe', error)
  }
}
