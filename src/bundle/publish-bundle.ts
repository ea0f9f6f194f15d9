import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { syncDirectory } from '../layout/local-io.ts'
import { replaceFile } from '../layout/replace-file.ts'
import { compressionOfName, createCompressor } from './compression.ts'
import { formatPartList, partListPath, partName, readPartList } from './part-list.ts'

/** An archive that is complete, and what becomes of it. */
export interface Publication {
  /** The name of the bundle; it says how it is compressed. */
  readonly file: string
  /** Where the archive lies, in a directory of its own next to the bundle. */
  readonly archivePath: string
  /** Bytes of a part; one file where it is not given. */
  readonly splitSize?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Gives a complete archive its name, once all that is made of it is on the disk; what had the name before, whole or in parts, is replaced. */
export async function publishBundle({ file, archivePath, splitSize, signal }: Publication): Promise<void> {
  const before = (await readPartList(file).catch(() => undefined)) ?? []
  const isPlain = splitSize === undefined && (compressionOfName(file) ?? undefined) === undefined
  const written = isPlain ? [] : await writeParts({ file, archivePath, splitSize, signal })
  const parts = splitSize === undefined ? [] : written.map((part, index) => ({ ...part, name: partName(basename(file), index + 1) }))
  if (splitSize === undefined) {
    await rename(written[0]?.path ?? archivePath, file)
    if (before.length > 0) await rm(partListPath(file), { force: true })
  } else {
    // Parts without their list are not a bundle: the old bundle ends here, and the new one begins with its list.
    await rm(partListPath(file), { force: true })
    for (const { path, name } of parts) await rename(path, join(dirname(file), name))
    await replaceFile(partListPath(file), formatPartList(parts), { temporary: join(dirname(archivePath), 'list') })
    await rm(file, { force: true })
  }
  const names = new Set(parts.map(({ name }) => name))
  for (const { name } of before) if (!names.has(name)) await rm(join(dirname(file), name), { force: true })
  await syncDirectory(dirname(file))
}

/** Compresses an archive as the name says and splits it, into the files `part-1`, `part-2` and so on next to it: one where no size is given. */
async function writeParts({ file, archivePath, splitSize = Infinity, signal }: Publication) {
  const compression = compressionOfName(file) ?? undefined
  const written: { readonly path: string; readonly sha256: string }[] = []
  let part: { readonly path: string; readonly handle: FileHandle; readonly hash: Hash; left: number } | undefined
  const begin = async (): Promise<NonNullable<typeof part>> => {
    const path = join(dirname(archivePath), `part-${written.length + 1}`)
    await rm(path, { force: true })
    const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644)
    return { path, handle, hash: createHash('sha256'), left: splitSize }
  }
  const finish = async (): Promise<void> => {
    if (part === undefined) return
    await part.handle.sync()
    await part.handle.close()
    written.push({ path: part.path, sha256: part.hash.digest('hex') })
    part = undefined
  }
  let failure: unknown
  const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) {
          part ??= await begin()
          const piece = chunk.subarray(at, at + Math.min(part.left, chunk.length - at))
          part.hash.update(piece)
          await part.handle.writeFile(piece)
          part.left -= piece.length
          at += piece.length
          if (part.left === 0) await finish()
        }
      }
      await finish()
    } catch (error) {
      failure = error
      throw error
    }
  }
  await using archive = await open(archivePath, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const options = signal === undefined ? {} : { signal }
    const bytes = archive.createReadStream({ autoClose: false })
    if (compression === undefined) await pipeline(bytes, write, options)
    else await pipeline(bytes, await createCompressor(compression), write, options)
    return written
  } catch (error) {
    // Where writing failed, a pipeline reports that it was aborted.
    throw failure ?? error
  } finally {
    await part?.handle.close()
  }
}
