import { constants } from 'node:fs'
import { access, lstat, readdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo, withLocalIo } from '../layout/local-io.ts'
import { followLinks, refusePlanted } from '../layout/planted-files.ts'

/** Where a bundle is made before it gets its name. */
export function unfinishedDirectory(file: string): string {
  return `${file}.part`
}

/** What this program has there: the archive, its journal, the claim of the writer, and what is made of the archive. */
const ownNames = /^(?:archive|done|list|takeover|writer-.*|part-[0-9]+)$/

function refuse(message: string, hint: string): MirrorError {
  return new MirrorError('USAGE', message, { hint })
}

const replaceHint = 'pass a new file name, or a bundle to replace'

/** The file of that name, or the one that a link leads to, for a bundle to be written to. Throws USAGE where the name cannot be used, and LOCAL_IO without permission. */
export async function bundleTarget(name: string): Promise<string> {
  const facts = await lstat(name).catch(() => undefined)
  if (facts !== undefined && !facts.isFile() && !facts.isSymbolicLink()) {
    throw refuse(`"${name}" exists and is not a regular file`, replaceHint)
  }
  const followed = await followLinks(name)
  const file = facts?.isSymbolicLink() === true ? followed : name
  if (file !== name && (await stat(file).catch(() => undefined))?.isFile() === false) {
    throw refuse(`"${name}" is a link to "${file}", which is not a regular file`, replaceHint)
  }
  await checkDirectory(file, 'write the bundle')
  await checkUnfinished(unfinishedDirectory(file))
  return file
}

/** Where a lock file goes, every link followed. Throws as `bundleTarget`, and USAGE for a link that another user has planted. */
export async function lockTarget(lock: string | undefined): Promise<string | undefined> {
  if (lock === undefined) return undefined
  const file = await followLinks(lock)
  if ((await stat(file).catch(() => undefined))?.isFile() === false) {
    throw refuse(`"${lock}" exists and is not a regular file`, 'pass a new file name, or a lock file to replace')
  }
  await checkDirectory(file, 'write the lock file')
  return file
}

/** Files are made under another name and renamed: the directory has to be writable. */
async function checkDirectory(file: string, doing: string): Promise<void> {
  const directory = dirname(resolve(file))
  const facts = await stat(directory).catch(() => undefined)
  if (facts === undefined)
    throw refuse(`cannot ${doing}: the directory "${directory}" does not exist`, `run mkdir -p ${directory}, or pass another directory`)
  if (!facts.isDirectory()) throw refuse(`cannot ${doing}: "${directory}" is not a directory`, 'pass another directory')
  await withLocalIo('write to', directory, () => access(directory, constants.W_OK | constants.X_OK))
}

async function checkUnfinished(directory: string): Promise<void> {
  await refusePlanted(await followLinks(directory))
  let names
  try {
    names = await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    if (errnoOf(error) !== 'ENOTDIR') throw await localIo(error, 'read', directory)
  }
  if (names?.every((name) => ownNames.test(name)) === true) return
  throw refuse(`cannot use "${directory}" for the unfinished bundle: it has other contents`, 'move them, or pass another file name')
}
