import { lstat, readdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo } from '../layout/local-io.ts'
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

/** The file of that name, or the one that a link leads to, for a bundle to be written to. Throws USAGE where something is in the way, and LOCAL_IO. */
export async function bundleTarget(name: string): Promise<string> {
  const facts = await lstat(name).catch(() => undefined)
  if (facts !== undefined && !facts.isFile() && !facts.isSymbolicLink()) {
    throw refuse(`${name} is there already, and is no file`, 'Name a file that is new, or a bundle to be replaced.')
  }
  const followed = await followLinks(name)
  const file = facts?.isSymbolicLink() === true ? followed : name
  if (file !== name && (await stat(file).catch(() => undefined))?.isFile() === false) {
    throw refuse(`${name} leads to ${file}, which is no file`, 'Name a file that is new, or a bundle to be replaced.')
  }
  await requireDirectory(name, file)
  await checkUnfinished(unfinishedDirectory(file))
  return file
}

/** Where a lock file goes, every link followed. Throws USAGE for a link that another user has planted, and for a missing directory. */
export async function lockTarget(lock: string | undefined): Promise<string | undefined> {
  if (lock === undefined) return undefined
  const target = await followLinks(lock)
  if ((await stat(target).catch(() => undefined))?.isDirectory() === true) {
    throw refuse(`cannot write the lock file ${lock}: it is a directory`, 'pass options.lock with the name of a file')
  }
  await requireDirectory(lock, target)
  return target
}

/** Throws USAGE where the directory of a file is missing. */
async function requireDirectory(name: string, file: string): Promise<void> {
  const directory = dirname(resolve(file))
  if ((await stat(directory).catch(() => undefined))?.isDirectory() === true) return
  throw refuse(`cannot write ${name}: there is no directory ${directory}`, 'create the directory, or name another one')
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
  throw refuse(`${directory} is in the way: the bundle is made there, and it holds something else`, 'Move it away, or name another file.')
}
