import { readAll } from '../async/content.ts'
import type { KitFile } from '../bundle/bundle-record.ts'
import { checkBundle, type ArchiveCheck, type ArchiveProblem } from '../bundle/check-archive.ts'
import { describeBundle, type ArchiveInfo } from '../bundle/describe-archive.ts'
import type { ImageArchive } from '../bundle/image-archive.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseChecksumFile } from '../release/fetch-release-list.ts'
import { formatChecksums, sumsFile } from './gathered-file.ts'

/** Bytes of the largest checksum file that is read. */
const mostBytes = 1024 * 1024

function notAKit(file: string): MirrorError {
  return new MirrorError('USAGE', `${file} is not a kit: its record lists no files`, {
    hint: 'run k3s-mirror bundle check or bundle info for a bundle',
  })
}

/** What is in a kit. Throws USAGE for a bundle that is not one, and as describeBundle does. */
export async function describeKit(file: string, options: CallOptions = {}): Promise<ArchiveInfo> {
  const info = await describeBundle(file, options)
  if (info.files === undefined) throw notAKit(file)
  return info
}

/** Reads every byte of a kit again: images and files by their digests, the files of K3s by the checksum files of their release, SHA256SUMS by the record. Throws USAGE for a bundle that is not a kit, and as checkBundle does. */
export async function checkKit(file: string, options: CallOptions = {}): Promise<ArchiveCheck> {
  return checkBundle(file, options, async (archive) => {
    const files = archive.record?.files
    if (files === undefined) throw notAKit(file)
    const [sums, releases] = [await checkSums(archive, files, options), await checkReleases(archive, files, options)]
    return [...sums, ...releases].map((message): ArchiveProblem => ({ message, images: [] }))
  })
}

async function readText(archive: ImageArchive, path: string, options: CallOptions): Promise<string | undefined> {
  const content = await archive.readFile(path, options)
  if (content === undefined) return undefined
  if (content.size <= mostBytes) return (await readAll(content)).toString('utf8')
  content.cancel()
  return ''
}

async function checkSums(archive: ImageArchive, files: readonly KitFile[], options: CallOptions): Promise<readonly string[]> {
  const text = await readText(archive, sumsFile, options)
  if (text === undefined) return ['SHA256SUMS is missing']
  const expected = formatChecksums(files.filter(({ path }) => path !== sumsFile)).toString('utf8')
  return text === expected ? [] : ['SHA256SUMS does not match the record of the kit']
}

/** Compares what a release's files have to be by its checksum files with what the record says that they are. */
async function checkReleases(archive: ImageArchive, files: readonly KitFile[], options: CallOptions): Promise<readonly string[]> {
  const known = [...files, ...(archive.base?.files ?? [])]
  const problems: string[] = []
  const covered = new Set<string>()
  for (const { path } of files.filter((one) => /^k3s\/[^/]+\/sha256sum-[^/]+\.txt$/.test(one.path))) {
    const text = await readText(archive, path, options)
    if (text === undefined) continue
    const directory = path.slice(0, path.lastIndexOf('/') + 1)
    try {
      for (const [name, sha256] of parseChecksumFile(text, path)) {
        const file = known.find((one) => one.path === `${directory}${name}`)
        if (file !== undefined) covered.add(file.path)
        if (file !== undefined && file.digest !== `sha256:${sha256}`) problems.push(`${file.path} does not match ${path}`)
      }
    } catch (error) {
      if (!isMirrorError(error)) throw error
      problems.push(error.message)
    }
  }
  for (const { path } of files) {
    if (/^k3s\/[^/]+\/k3s(?:-[^/.]+)?$/.test(path) && !covered.has(path)) problems.push(`no checksum file of the kit names ${path}`)
  }
  return problems
}
