import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Content } from '../async/content.ts'
import type { KitFile } from '../bundle/bundle-record.ts'
import { MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { openRegularFile, syncDirectory, withLocalIo, writeAt } from '../layout/local-io.ts'
import { makeDirectory } from '../layout/make-directory.ts'
import { refusePlanted } from '../layout/planted-files.ts'
import { contentHasDigest, DigestCheck } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isBehindLink, kitFilePath } from './kit-directory.ts'

function modeOf({ executable }: KitFile): number {
  return executable === true ? 0o755 : 0o644
}

/** True where the directory has the file with its digest; its mode is corrected. Throws LOCAL_IO. */
export async function hasKitFile(directory: string, file: KitFile, { signal }: CallOptions = {}): Promise<boolean> {
  const path = kitFilePath(directory, file)
  const found = (await isBehindLink(directory, file)) ? undefined : await openRegularFile(path)
  if (found === undefined) return false
  const { handle, stats } = found
  try {
    const content = fileContent(handle, { path, offset: 0, size: stats.size, signal, isShared: true })
    if (stats.size !== file.size || !(await contentHasDigest(content, file.digest))) return false
    if ((stats.mode & 0o777) !== modeOf(file)) await withLocalIo('write', path, () => handle.chmod(modeOf(file)))
    return true
  } finally {
    await handle.close()
  }
}

/** Removes what writing this file left behind when its process ended. */
async function removeLeftovers(path: string): Promise<void> {
  const name = basename(path)
  for (const other of await readdir(dirname(path)))
    if (other.startsWith(`${name}.`) && /^\.[0-9a-f]{12}\.part$/.test(other.slice(name.length)))
      await rm(join(dirname(path), other), { force: true })
}

async function writeChecked(handle: FileHandle, file: KitFile, content: Content, wrong: () => Error): Promise<void> {
  const check = new DigestCheck(file, wrong)
  if (content.size !== file.size) throw wrong()
  if (file.size === 0) check.end()
  let at = 0
  await content.read(async (chunk) => {
    check.take(chunk)
    await writeAt(handle, chunk, at)
    at += chunk.length
  })
  await handle.chmod(modeOf(file))
  await handle.sync()
}

/** Writes a file below a directory, whole and with its digest or not at all; a link in its place, and other content, is replaced. Throws INTEGRITY, LOCAL_IO, and USAGE for a directory that is a link or of another user. */
export async function writeKitFile(directory: string, file: KitFile, content: Content, wrong: () => Error): Promise<void> {
  const path = kitFilePath(directory, file)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.part`
  await withLocalIo('write', path, async () => {
    const parent = { path: file.path.replace(/(?:^|\/)[^/]+$/, '') }
    if (parent.path !== '' && (await isBehindLink(directory, parent))) {
      throw new MirrorError('USAGE', `cannot write ${path}: a directory of it is a link`, {
        hint: 'remove the link, or pass another directory',
      })
    }
    await makeDirectory(dirname(path))
    await refusePlanted(path)
    await removeLeftovers(path)
    const handle = await open(temporary, 'wx', modeOf(file))
    try {
      await writeChecked(handle, file, content, wrong)
      await handle.close()
      await rename(temporary, path)
      await syncDirectory(dirname(path))
    } catch (error) {
      content.cancel()
      await handle.close().catch(() => undefined)
      await rm(temporary, { force: true })
      throw error
    }
  })
}
