import { constants } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { syncDirectory } from '../layout/blob-store.ts'
import { compressionOfName, createCompressor } from './compress.ts'
import { formatPartList, partListPath, partName, readPartList, type BundlePart } from './part-list.ts'
import { PartsWriter } from './parts-writer.ts'

/** An archive that is complete, and what becomes of it. */
export interface Publication {
  /** The name of the bundle; it says how it is compressed. */
  readonly file: string
  /** Where the archive lies, in a directory of its own beside the bundle. */
  readonly archivePath: string
  /** Bytes of a part; one file where it is not given. */
  readonly splitSize?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Gives a complete archive its name; compressed or split, what is made of it stands beside it until all of that is on the disk. What was there by the
 * name, whole or in parts, is replaced.
 */
export async function publishBundle({ file, archivePath, splitSize, signal }: Publication): Promise<void> {
  const before = await readPartList(file).catch(() => undefined)
  const compression = compressionOfName(file) ?? undefined
  if (compression === undefined && splitSize === undefined) {
    await rename(archivePath, file)
    await removeParts(file, before ?? [])
  } else {
    const archive = await open(archivePath, constants.O_RDONLY | constants.O_NOFOLLOW)
    const parts = new PartsWriter(dirname(archivePath), splitSize ?? Number.POSITIVE_INFINITY)
    let failure: unknown
    try {
      const options = signal === undefined ? {} : { signal }
      const bytes = archive.createReadStream({ autoClose: false })
      const write = (chunks: AsyncIterable<Buffer>): Promise<void> =>
        parts.write(chunks).catch((error: unknown) => {
          failure = error
          throw error
        })
      if (compression === undefined) await pipeline(bytes, write, options)
      else await pipeline(bytes, await createCompressor(compression), write, options)
    } catch (error) {
      // Where writing failed, a pipeline tells that it was aborted.
      throw failure ?? error
    } finally {
      try {
        await parts.close()
      } finally {
        await archive.close()
      }
    }
    if (splitSize === undefined) {
      await rename(parts.paths[0] ?? '', file)
      await removeParts(file, before ?? [])
    } else await publishParts(file, parts, before ?? [])
  }
  await syncDirectory(dirname(file))
}

async function publishParts(file: string, { paths, hashes }: PartsWriter, before: readonly BundlePart[]): Promise<void> {
  const names = paths.map((_, index) => partName(basename(file), index + 1))
  // Parts without their list are no bundle: what was there ends here, and what comes begins with its list.
  await rm(partListPath(file), { force: true })
  for (const [index, path] of paths.entries()) await rename(path, join(dirname(file), names[index] ?? ''))
  const list = join(dirname(paths[0] ?? file), 'list')
  await writeFile(list, formatPartList(names.map((name, index) => ({ name, sha256: hashes[index] ?? '' }))), { flush: true })
  await rename(list, partListPath(file))
  await rm(file, { force: true })
  await removeFiles(
    file,
    before.map(({ name }) => name).filter((name) => !names.includes(name)),
  )
}

async function removeParts(file: string, parts: readonly BundlePart[]): Promise<void> {
  if (parts.length === 0) return
  await rm(partListPath(file), { force: true })
  await removeFiles(
    file,
    parts.map(({ name }) => name),
  )
}

async function removeFiles(file: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(dirname(file), name), { force: true })
}
