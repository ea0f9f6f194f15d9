import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { withSignal } from '../async/single-flight.ts'
import { MirrorError, systemReason } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { maxListBytes, refuseList, type ListNoun } from './list-text.ts'
import { readPipe } from './read-pipe.ts'

/** Bytes or text as they arrive: a process' standard input, or any stream. */
export type ByteStream = AsyncIterable<Uint8Array | string>

/** Reads a list from a stream up to its first NUL byte, and no longer than the signal lets it; throws INVALID_LIST beyond 10 MiB. */
export async function readListStream(stream: ByteStream, name: string, { signal }: CallOptions = {}): Promise<Uint8Array> {
  signal?.throwIfAborted()
  const iterator = stream[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      const next = await withSignal(iterator.next(), signal)
      if (next.done === true) return Buffer.concat(chunks)
      const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value
      chunks.push(chunk)
      size += chunk.length
      if (size > maxListBytes) refuseList(name, 'the file is larger than 10 MiB')
      // Formats with zero bytes are recognised later, by their first bytes, which are already here.
      if (chunk.includes(0)) return Buffer.concat(chunks)
    }
  } finally {
    // Not awaited: it would wait for a read that may never end.
    iterator.return?.().catch(() => undefined)
  }
}

/** The option that names a file, and what the file should be. */
export interface FileKind {
  readonly option?: 'options.images' | 'options.manifests'
  readonly noun?: ListNoun
}

interface Reason {
  readonly why: string
  /** Absent where the path may be wrong. */
  readonly hint?: string
}

const absent: Reason = { why: 'no such file' }
const forbidden: Reason = { why: 'permission denied', hint: 'make the file readable for this user' }
const reasons: Readonly<Record<string, Reason>> = { ENOENT: absent, ENOTDIR: absent, EACCES: forbidden, EPERM: forbidden }

/** Reads a list file, at most 10 MiB; a named pipe or a device too. Throws INVALID_LIST with the path and the reason. */
export async function readListFile(
  path: string,
  { signal, option = 'options.images', noun = 'an image list' }: CallOptions & FileKind = {},
): Promise<Uint8Array> {
  try {
    const facts = await stat(path)
    // Asked first: systems differ in how a directory fails to be read.
    if (facts.isDirectory()) {
      const file = noun === 'an image list' ? 'a text file with one reference a line' : 'each file'
      refuseList(path, `this is a directory, not ${noun}`, `pass ${file}`)
    }
    return await readListStream(facts.isFIFO() ? readPipe(path, { signal }) : createReadStream(path), path, { signal })
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (signal?.aborted || typeof code !== 'string' || code === 'INVALID_LIST') throw error
    const { why, hint } = reasons[code] ?? { why: systemReason(error) }
    const isImage = hint === undefined && option === 'options.images' && /^[a-z0-9][^\s:]*[./][^\s]*[:@][^/\s]+$/i.test(path)
    throw new MirrorError('INVALID_LIST', `${path}: ${why}`, {
      hint: isImage ? 'pass a single image as an argument, without options.images' : (hint ?? `check the path given with ${option}`),
      cause: error,
    })
  }
}
