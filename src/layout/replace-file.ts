import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'

/**
 * Replaces what is at a path, whole or not at all: a link there too, not the file that it leads to. Nobody can know the name of the file that is written
 * at first, and one that is there already is never opened. Throws what the system does.
 */
export async function replaceFile(path: string, text: string, { mode = 0o666 }: { readonly mode?: number } = {}): Promise<void> {
  const part = `${path}.${randomBytes(6).toString('hex')}.part`
  const file = await open(part, 'wx', mode)
  try {
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    throw error
  }
}
