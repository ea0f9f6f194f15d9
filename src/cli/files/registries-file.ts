import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { followLinks } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { generatedMark } from '../../registries-yaml/generate/comments.ts'
import { fileError, ifThere } from './file-error.ts'

/** Which file that is there already may be written over: any, one that we made, or none. */
export type Replaceable = 'any' | 'generated' | 'none'

const action = 'write registries.yaml to'

async function isGenerated(path: string): Promise<boolean> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(generatedMark.length), position: 0 })
    return buffer.toString('latin1', 0, bytesRead) === generatedMark
  } catch (error) {
    throw fileError(action, path, error)
  }
}

async function refuseExisting(path: string, replaceable: Replaceable): Promise<void> {
  const refuse = (what: string, hint: string): never => {
    throw new MirrorError('USAGE', `${path} is there ${what}`, { hint })
  }
  const facts = await ifThere(stat(path), action, path)
  if (facts === undefined) return
  if (!facts.isFile()) refuse('and no file', 'Name a file for the registries.yaml.')
  if (replaceable === 'none') refuse('already', 'Give another name, or --force to write over it.')
  if (replaceable === 'generated' && !(await isGenerated(path)))
    refuse('already, and k3s-mirror has not made it', 'Give another name, or remove it.')
}

/** The writer of a registries.yaml: whole or not at all, and readable by its owner alone. Throws USAGE for a file that may not be written over, and LOCAL_IO, before anything moves. */
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
