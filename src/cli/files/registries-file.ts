import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { followLinks } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { generatedMark } from '../../registries-yaml/generate/comments.ts'
import { fileError } from './file-error.ts'

/** Which file that is there already may be written over: any, one that we made, or none. */
export type Replaceable = 'any' | 'generated' | 'none'

const action = 'write registries.yaml to'

async function isGenerated(path: string): Promise<boolean> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(generatedMark.length), position: 0 })
  return buffer.toString('latin1', 0, bytesRead) === generatedMark
}

async function refuseExisting(path: string, replaceable: Replaceable): Promise<void> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw fileError(action, path, error)
  })
  if (facts === undefined) return
  if (!facts.isFile()) throw new MirrorError('USAGE', `${path} is there and no file`, { hint: 'Name a file for the registries.yaml.' })
  const isRefused =
    replaceable === 'none' ||
    (replaceable === 'generated' && !(await isGenerated(path).catch((error: unknown) => Promise.reject(fileError(action, path, error)))))
  if (!isRefused) return
  throw replaceable === 'none'
    ? new MirrorError('USAGE', `${path} is there already`, { hint: 'Give another name, or --force to write over it.' })
    : new MirrorError('USAGE', `${path} is there already, and k3s-mirror has not made it`, { hint: 'Give another name, or remove it.' })
}

/**
 * Prepares a file for a registries.yaml; what cannot be written is said here, before anything moves. The writer puts it in its place whole
 * or not at all, readable by its owner alone, because it may hold credentials. Throws USAGE for a file that may not be written over, and LOCAL_IO.
 */
export async function openRegistriesFile(path: string, replaceable: Replaceable): Promise<(text: string) => Promise<void>> {
  const refuse = (error: unknown): never => {
    throw fileError(action, path, error)
  }
  const target = await followLinks(path)
  await refuseExisting(target, replaceable)
  await access(dirname(target), constants.W_OK).catch(refuse)
  return async (text) => {
    // Somebody may have put a file there in the meantime.
    await refuseExisting(target, replaceable)
    await replaceFile(target, text, { mode: 0o600 }).catch(refuse)
  }
}
