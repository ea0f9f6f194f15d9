import { basename, dirname, join } from 'node:path'
import { isMirrorError, MirrorError } from '../errors.ts'
import { openFileBytes, type ArchiveBytes } from './archive-bytes.ts'
import { findParts, isThere, partListPath, partName, wholeFile } from './part-list.ts'

interface Part {
  readonly bytes: ArchiveBytes
  readonly start: number
  readonly end: number
}

async function openParts(file: string, names: readonly string[]): Promise<readonly Part[]> {
  const parts: Part[] = []
  try {
    for (const [index, name] of names.entries()) {
      const path = join(dirname(file), name)
      const bytes = await openFileBytes(path).catch((error: unknown) => {
        if (!isMirrorError(error) || error.code !== 'NOT_FOUND') throw error
        throw new MirrorError('NOT_FOUND', `there is no ${path}: part ${index + 1} of the ${names.length} of ${file} is missing`, {
          hint: 'Copy it from where the bundle was made.',
        })
      })
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
  const list = await findParts(path)
  if (list === undefined) {
    if ((await isThere(file)) || (await isThere(partListPath(file))) || !(await isThere(partName(file, 1)))) return undefined
    throw new MirrorError('NOT_FOUND', `${file} is split, and the list of its parts is missing: ${partListPath(file)}`, {
      hint: `Copy it from where the bundle was made, or join the parts with cat ${basename(file)}.[0-9]* > ${basename(file)}.`,
    })
  }
  const parts = await openParts(
    file,
    list.map(({ name }) => name),
  )
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
