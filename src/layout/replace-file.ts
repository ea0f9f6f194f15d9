import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'

/** How a file is replaced. */
export interface ReplaceOptions {
  readonly mode?: number
  /** The file that is replaced, whose permissions, owner and group the new file gets. */
  readonly like?: Stats | undefined
  /** The file that is written at first, on the same file system; default: next to the path, by an unpredictable name. */
  readonly temporary?: string
  /** Whether the bytes survive a power cut (default). */
  readonly durable?: boolean
  /** Whether the new file is left open for reading and writing. */
  readonly staysOpen?: boolean
}

async function copyPermissions(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat()
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid)
  await file.chmod(mode & 0o7777)
}

/** Replaces what is at a path, a link too, whole or not at all, by a file that no other process could open before. Throws what the system does. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | Iterable<string>,
  {
    mode = 0o666,
    like,
    temporary = `${path}.${randomBytes(6).toString('hex')}.part`,
    durable = true,
    staysOpen = false,
  }: ReplaceOptions = {},
): Promise<FileHandle> {
  const file = await open(temporary, 'wx+', mode)
  try {
    await writeFile(file, content)
    if (like !== undefined) await copyPermissions(file, like)
    if (durable) await file.datasync()
    if (!staysOpen) await file.close()
    await rename(temporary, path)
    return file
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}
