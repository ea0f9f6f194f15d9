import { lstat, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { makeDirectory } from '../../layout/make-directory.ts'
import { followLinks, refusePlanted } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { fileError, ifThere } from './file-error.ts'

/** Only the owner can read the files, because they may contain passwords. */
const fileMode = 0o600
const directoryMode = 0o700

/** Below a file in place of a directory, the error names that file. */
const notThere = ['ENOENT', 'ENOTDIR']

async function refuseStranger(path: string, kind: 'file' | 'directory'): Promise<void> {
  const found = await ifThere(lstat(path), 'write', path, notThere)
  if (found === undefined || (kind === 'file' ? found.isFile() : found.isDirectory())) return
  throw new MirrorError(
    'LOCAL_IO',
    `cannot write ${path}: it exists and is not a ${kind === 'file' ? 'regular file' : 'directory'}; nothing was written`,
    {
      hint: 'remove it, or pass another directory',
    },
  )
}

async function refuseForeign(path: string, text: string, isReplaceable: (found: string) => boolean): Promise<void> {
  const found = await ifThere(readFile(path, 'utf8'), 'read', path, notThere)
  if (found === undefined || found === text || isReplaceable(found)) return
  throw new MirrorError(
    'USAGE',
    `cannot write ${path}: it already exists, and neither K3s nor k3s-mirror generated it; nothing was written`,
    {
      hint: 'pass another directory, or --force to overwrite it',
    },
  )
}

/** Writes texts, each whole or not at all, by their path below a directory, which is created; returns their full paths. Throws LOCAL_IO, and first USAGE for a file that is not replaceable. */
export async function writeFiles(
  directory: string,
  files: ReadonlyMap<string, string>,
  { signal, isReplaceable }: { readonly signal: AbortSignal; readonly isReplaceable: (found: string) => boolean },
): Promise<readonly string[]> {
  await refusePlanted(await followLinks(directory))
  const written = [...files].map(([path, text]) => ({ path: join(directory, path), text }))
  for (const { path, text } of written) {
    for (let parent = dirname(path); parent.length > join(directory).length; parent = dirname(parent))
      await refuseStranger(parent, 'directory')
    await refuseStranger(path, 'file')
    await refuseForeign(path, text, isReplaceable)
  }
  for (const { path, text } of written) {
    signal.throwIfAborted()
    try {
      await makeDirectory(dirname(path), directoryMode)
      await replaceFile(path, text, { mode: fileMode })
    } catch (error) {
      throw fileError('write', path, error)
    }
  }
  return written.map(({ path }) => path)
}

/** Removes files of one name that begin with one of the headers, and directories that this leaves empty; returns the paths of the files. Does not follow links. Throws LOCAL_IO. */
export async function removeStale(
  directory: string,
  { name, headers, keep }: { readonly name: string; readonly headers: readonly string[]; readonly keep: ReadonlySet<string> },
): Promise<readonly string[]> {
  const removed: string[] = []
  for (const path of await findFiles(directory, name)) {
    if (keep.has(path)) continue
    try {
      const text = await readFile(path, 'utf8')
      if (!headers.some((header) => text.startsWith(`${header}\n`))) continue
      await rm(path)
      removed.push(path)
      await removeEmpty(dirname(path), directory)
    } catch (error) {
      throw fileError('remove', path, error)
    }
  }
  return removed
}

// A recursive readdir follows links to directories in Node 26, and not in Node 20.
async function findFiles(directory: string, name: string): Promise<readonly string[]> {
  const facts = await ifThere(lstat(directory), 'read', directory)
  if (facts?.isDirectory() !== true) return []
  const entries = (await ifThere(readdir(directory, { withFileTypes: true }), 'read', directory)) ?? []
  const found = entries.filter((entry) => entry.isFile() && entry.name === name).map((entry) => join(directory, entry.name))
  for (const entry of entries) if (entry.isDirectory()) found.push(...(await findFiles(join(directory, entry.name), name)))
  return found
}

async function removeEmpty(directory: string, top: string): Promise<void> {
  try {
    for (let path = directory; path !== top; path = dirname(path)) await rmdir(path)
  } catch {
    // the directory has other files
  }
}
