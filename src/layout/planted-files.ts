import type { Stats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path'
import { MirrorError } from '../errors.ts'

/** As many as Linux follows in one path. */
const mostLinks = 40

async function factsOf(path: string): Promise<Stats | undefined> {
  // What cannot be looked at is refused by the system when it is opened.
  return lstat(path).catch(() => undefined)
}

/** The uid of who planted this in a directory that everybody may write to: https://docs.kernel.org/admin-guide/sysctl/fs.html#protected-symlinks */
async function planter(path: string, facts: Stats): Promise<number | undefined> {
  const directory = await factsOf(dirname(path))
  if (directory === undefined || (directory.mode & 0o002) === 0 || facts.uid === directory.uid) return undefined
  return facts.uid === (await ownUid()) ? undefined : facts.uid
}

/** The uid of this process; undefined without /proc for a user without an entry among the users, as in containers. */
async function ownUid(): Promise<number | undefined> {
  const facts = await factsOf('/proc/self')
  if (facts !== undefined) return facts.uid
  try {
    return userInfo().uid
  } catch {
    return undefined
  }
}

function refuse(path: string, what: string): MirrorError {
  return new MirrorError('USAGE', `${path} ${what} in a world-writable directory; nothing was written`, {
    hint: 'pass a file in a directory of your own, or remove it first',
  })
}

function steps(path: string): string[] {
  return path.split(sep).filter((step) => step !== '' && step !== '.')
}

/** Where a path leads, every link followed, also to a new file. Throws USAGE for a link that another user has planted: it could lead to one of our own files. */
export async function followLinks(path: string): Promise<string> {
  const whole = isAbsolute(path) ? path : join(resolve('.'), path)
  let at = parse(whole).root
  let rest = steps(whole.slice(at.length))
  for (let links = 0; rest.length > 0;) {
    const [step = '', ...more] = rest
    const next = step === '..' ? dirname(at) : join(at, step)
    const facts = await factsOf(next)
    // The links of /proc are not paths: /dev/stdout may lead to a pipe.
    if (facts === undefined || (facts.isSymbolicLink() && (next.startsWith('/proc/') || links === mostLinks))) return join(next, ...more)
    rest = more
    if (facts.isSymbolicLink()) {
      const owner = await planter(next, facts)
      if (owner !== undefined) throw refuse(next, `is a link of another user (uid ${owner})`)
      links++
      const target = await readlink(next)
      rest = [...steps(target), ...more]
      if (isAbsolute(target)) at = parse(target).root
    } else at = next
  }
  return at
}

/** Throws USAGE for what another user planted at a path without links, and for a planted file with a second name, which could be one of our own. */
export async function refusePlanted(path: string): Promise<void> {
  const facts = await factsOf(path)
  if (facts === undefined) return
  const owner = await planter(path, facts)
  if (owner !== undefined) throw refuse(path, `belongs to another user (uid ${owner})`)
  const directory = facts.isFile() && facts.nlink > 1 ? await factsOf(dirname(path)) : undefined
  if (directory !== undefined && (directory.mode & 0o002) !== 0) throw refuse(path, 'is a file with a second hard link')
}
