import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { followLinks } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { generatedMark } from '../../registries-yaml/generate/comments.ts'
import { fileError, ifThere } from './file-error.ts'

/** Which existing file may be overwritten: any, one that k3s-mirror generated, or none. */
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
    throw new MirrorError('USAGE', `cannot write ${path}: ${what}`, { hint })
  }
  const facts = await ifThere(stat(path), action, path)
  if (facts === undefined) return
  if (!facts.isFile()) refuse('not a file', 'pass the name of a file')
  if (replaceable === 'none') refuse('it already exists', 'pass another name, or --force to overwrite it')
  if (replaceable === 'generated' && !(await isGenerated(path)))
    refuse('it already exists, and k3s-mirror did not generate it', 'pass another name, or remove the file')
}

/** The writer of a registries.yaml: the whole file or nothing, readable only by its owner. Throws USAGE for a file that must not be overwritten, and LOCAL_IO, before anything is copied. */
export async function openRegistriesFile(path: string, replaceable: Replaceable): Promise<(text: string) => Promise<void>> {
  const refuse = (error: unknown): never => {
    throw fileError(action, path, error)
  }
  const target = await followLinks(path)
  await refuseExisting(target, replaceable)
  await access(dirname(target), constants.W_OK).catch(refuse)
  return async (text) => {
    // Another process may have created the file in the meantime.
    await refuseExisting(target, replaceable)
    await replaceFile(target, text, { mode: 0o600 }).catch(refuse)
  }
}
