import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errnoOf, isDirectory } from './local-io.ts'

/**
 * Makes a directory and its parents, all with the mode; true when it is new. Throws what the system does. Step by step, because Node's own recursion
 * never ends where nothing can be made, as in /proc, and reports "no such file" for a read-only file system.
 */
export async function makeDirectory(directory: string, mode?: number): Promise<boolean> {
  try {
    await mkdir(directory, mode)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await isDirectory(directory))) return false
    const parent = dirname(resolve(directory))
    if (errnoOf(error) !== 'ENOENT' || (await isDirectory(parent))) throw error
    await makeDirectory(parent, mode)
    return makeDirectory(directory, mode)
  }
}
