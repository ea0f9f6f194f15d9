import { yielding } from '../async/yielding.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import { sha256, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { Archive } from './archive.ts'
import { formatBundleIndex, indexPath, layoutPath, layoutVersion } from './bundle-contents.ts'
import { maxRecordBytes, parseBundleRecord, recordPath, type BundleRecord } from './bundle-record.ts'
import { ImageArchive } from './image-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** An open bundle, read straight out of the file. */
export interface Bundle extends ImageArchive {
  readonly record: BundleRecord
  readonly digest: Digest
}

/** The error for a bundle whose own files are not what they were when it was made. */
export function damagedBundle(path: string, why: string, cause?: unknown): MirrorError {
  return new MirrorError('INTEGRITY', `${path} is damaged: ${why}`, { cause, hint: 'copy the file again from the machine that created it' })
}

/** Opens a bundle and reads its record. Throws NOT_FOUND, USAGE, INTEGRITY for a damaged one, UNSUPPORTED for another archive. */
export async function openBundle(path: string, { signal }: CallOptions = {}): Promise<Bundle> {
  const archive = await Archive.open(path, { signal })
  try {
    const entry = await archive.find(recordPath)
    if (entry !== undefined) return await readBundle(archive, entry)
    throw new MirrorError('UNSUPPORTED', `${path} is not a bundle of k3s-mirror: ${recordPath} is missing`, {
      hint: 'copy its images into a layout first: k3s-mirror bundle push <file> options.to oci:<directory>',
    })
  } catch (error) {
    await archive[Symbol.asyncDispose]()
    throw error
  }
}

/** Reads the record of a bundle; index.json, which repeats it for other tools, must match. Throws INTEGRITY for a damaged one. */
export async function readBundle(archive: Archive, entry: TarEntry): Promise<Bundle> {
  archive.refuseForeignForms()
  const damaged = (why: string, cause?: unknown): MirrorError => damagedBundle(archive.name, why, cause)
  const read = async (path: string): Promise<Buffer> => {
    const file = await archive.find(path)
    if (file === undefined) throw damaged(`${path} is missing`)
    return archive.bytes(file, maxRecordBytes)
  }
  const bytes = await archive.bytes(entry, maxRecordBytes)
  const layout = await read(layoutPath)
  const index = await read(indexPath)
  const pause = yielding()
  let record
  try {
    record = await parseBundleRecord(bytes)
  } catch (error) {
    if (!isMirrorError(error)) throw error
    if (error.code !== 'UNSUPPORTED') throw damaged(error.message, error)
    throw error.with({ message: `${archive.name}: ${error.message}` })
  }
  await pause()
  if (!layout.equals(Buffer.from(layoutVersion))) throw damaged(`${layoutPath} is invalid`)
  if (!index.equals(formatBundleIndex(record, bytes))) throw damaged(`${indexPath} does not match ${recordPath}`)
  return new ImageArchive(archive, { images: record.images, record, digest: sha256(bytes) }) as Bundle
}
