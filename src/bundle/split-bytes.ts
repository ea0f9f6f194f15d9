import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MirrorError } from '../errors.ts'
import { openFileBytes, type ArchiveBytes } from './archive-bytes.ts'
import { readPartList, wholeFile } from './part-list.ts'

interface Part {
  readonly bytes: ArchiveBytes
  readonly start: number
  readonly end: number
}

/** True where a file of that name is there: parts that were joined are read as the file that they are. */
async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function openParts(paths: readonly string[]): Promise<readonly Part[]> {
  const parts: Part[] = []
  try {
    for (const path of paths) {
      const bytes = await openFileBytes(path)
      const start = parts.at(-1)?.end ?? 0
      parts.push({ bytes, start, end: start + bytes.size })
    }
    return parts
  } catch (error) {
    for (const { bytes } of parts) await bytes[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * The parts of a bundle as one, named by the bundle's own name, by any part, or by the list of them; undefined where a path means a file as it is.
 * Throws NOT_FOUND for a part that is missing, INTEGRITY for a list that is none.
 */
export async function openSplitBytes(path: string): Promise<ArchiveBytes | undefined> {
  const file = wholeFile(path)
  if (await isThere(file)) return undefined
  const list = await readPartList(file)
  if (list === undefined) return undefined
  const parts = await openParts(list.map(({ name }) => join(dirname(file), name)))
  const size = parts.at(-1)?.end ?? 0
  return {
    name: file,
    reaches: (place) => Promise.resolve(place <= size),
    read: async (buffer, offset, length, position) => {
      const part = parts.find(({ end }) => position < end)
      if (part === undefined) return { bytesRead: 0 }
      const { bytes, start, end } = part
      const result = await bytes.read(buffer, offset, Math.min(length, end - position), position - start)
      if (result.bytesRead === 0) throw new MirrorError('INTEGRITY', `${bytes.name} became shorter while it was read`)
      return result
    },
    stop: () => undefined,
    [Symbol.asyncDispose]: async () => {
      for (const { bytes } of parts) await bytes[Symbol.asyncDispose]()
    },
  }
}
