import { lstat, readlink } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { MirrorError } from '../errors.ts'

/** Symbolic links that Linux follows for one path: https://man7.org/linux/man-pages/man7/path_resolution.7.html */
const mostLinks = 40

async function readLink(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch {
    return undefined
  }
}

/** The place of an absolute path of a node in a copy of its files. Links are followed as on the node, so none leads out of the copy. Throws INVALID_CONFIG for a loop of links. */
export async function pathBelowRoot(root: string | undefined, path: string): Promise<string> {
  if (root === undefined || root === '/') return path
  let links = 0
  let done = '/'
  let rest = posix.join('/', path).split('/').filter(Boolean)
  while (rest.length > 0) {
    const [name = '', ...others] = rest
    rest = others
    const next = posix.join(done, name)
    const target = await readLink(join(root, next))
    if (target === undefined) done = next
    else if (++links > mostLinks) throw new MirrorError('INVALID_CONFIG', `cannot read ${path}: too many symbolic links`)
    else {
      if (target.startsWith('/')) done = '/'
      rest = [...target.split('/').filter(Boolean), ...rest]
    }
  }
  return join(root, done)
}
