import { contentHasDigest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { indexPath, layoutPath } from './bundle-contents.ts'
import { recordPath } from './bundle-record.ts'
import type { ImageArchive } from './image-archive.ts'

const ownFiles: ReadonlySet<string> = new Set([layoutPath, indexPath, recordPath])

/** What a check of the files of a kit has found. */
export interface FilesCheck {
  readonly files: number
  readonly bytes: number
  /** What is wrong, one sentence each. */
  readonly problems: readonly string[]
}

/** Reads every file of a kit again, and looks for files that its record does not name; undefined for an archive without a list of files. */
export async function checkFiles(archive: ImageArchive, options: CallOptions = {}): Promise<FilesCheck | undefined> {
  const files = archive.record?.files
  if (files === undefined) return undefined
  const found = await archive.otherFiles()
  const messages: string[] = []
  let bytes = 0
  for (const { path, digest, size } of files) {
    const entry = found.get(path)
    bytes += entry?.size ?? 0
    if (entry === undefined) messages.push(`${path} is missing`)
    else if (entry.size !== size) messages.push(`${path} has ${entry.size} bytes, not the declared ${size}`)
    else {
      const content = await archive.readFile(path, options)
      if (content === undefined || !(await contentHasDigest(content, digest))) messages.push(`${path} does not match its digest`)
    }
  }
  const named = new Set(files.map(({ path }) => path))
  for (const path of found.keys()) if (!named.has(path) && !ownFiles.has(path)) messages.push(`${path} is not in the record of the kit`)
  return { files: files.length, bytes, problems: messages }
}
