import type { Stats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { MirrorError } from '../errors.ts'

/** Where a file of a node is in a copy of its files. */
export interface LocatedFile {
  /** On this machine, without links below the root; a missing file has the path that it would have. */
  readonly at: string
  /** Undefined for a file that was not reached. */
  readonly facts: Stats | undefined
  /** The error code of the system for a file that was not reached. */
  readonly code?: string
}

/** Symbolic links that Linux follows for one path: https://man7.org/linux/man-pages/man7/path_resolution.7.html */
const mostLinks = 40

const stepsOf = (path: string): readonly string[] => path.split('/').filter((step) => step !== '' && step !== '.')

/** Finds an absolute path of a node below a root directory. Links are followed as on the node, so none leads out of the copy. */
export async function locateBelowRoot(root: string, path: string): Promise<LocatedFile> {
  const top = resolve(root)
  let at = top
  let facts: Stats | undefined
  let rest = stepsOf(path)
  for (let links = 0; rest.length > 0;) {
    const [step = '', ...more] = rest
    rest = more
    // The parent of the root is the root.
    const next = step !== '..' ? join(at, step) : at === top ? at : dirname(at)
    try {
      facts = await lstat(next)
    } catch (error) {
      const { code = 'unknown reason' } = error as NodeJS.ErrnoException
      return { at: join(next, ...more.filter((one) => one !== '..')), facts: undefined, code }
    }
    if (!facts.isSymbolicLink()) at = next
    else if (++links > mostLinks) return { at: next, facts: undefined, code: 'ELOOP' }
    else {
      const target = await readlink(next)
      if (target.startsWith('/')) at = top
      rest = [...stepsOf(target), ...more]
    }
  }
  return { at, facts: facts ?? (await lstat(at)) }
}

/** The place of an absolute path of a node, which is the path itself without a copy. Throws INVALID_CONFIG for a loop of links. */
export async function pathBelowRoot(root: string | undefined, path: string): Promise<string> {
  if (root === undefined || root === '/') return path
  const { at, code } = await locateBelowRoot(root, path)
  if (code === 'ELOOP') throw new MirrorError('INVALID_CONFIG', `cannot read ${path}: too many symbolic links`)
  return at
}
