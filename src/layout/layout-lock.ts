import { createHash, randomBytes } from 'node:crypto'
import { open, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MirrorError } from '../errors.ts'
import { localIo } from './local-io.ts'

const prefix = 'writer-'
const beatMilliseconds = 5000
const staleMilliseconds = 30_000
const attempts = 4

/** The right to write to a layout. */
export interface LayoutLock {
  /** The owner of what this process makes there. */
  readonly uid: number
  /** Gives it back. */
  release(): Promise<void>
}

/** Field 22 of /proc/<pid>/stat, the start in clock ticks; the name before it may hold spaces and brackets. */
async function startOf(pid: string): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

/** Where process numbers have one meaning: this boot of this machine and its process namespace. */
async function processSpace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname())
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return createHash('sha256').update(`${boot}\n${namespace}`).digest('hex').slice(0, 12)
}

/** This process as `space-pid-start`; where there is no /proc, pid and start are 0 and only the heartbeat tells. */
async function ownIdentity(): Promise<string> {
  const pid = await readlink('/proc/self').catch(() => '0')
  return `${await processSpace()}-${pid}-${(await startOf(pid)) ?? '0'}`
}

/** True while the writer of that claim may be alive. */
async function isAlive(directory: string, claim: string, own: { readonly identity: string; readonly claim: string }): Promise<boolean> {
  const [space, pid, start] = claim.slice(prefix.length).split('-')
  if (space === own.identity.split('-')[0] && pid !== undefined && pid !== '0') return (await startOf(pid)) === start
  // Another machine or container: its numbers mean nothing here, but it touches its claim while it lives. Both times are the file system's.
  const [theirs, ours] = await Promise.all([claim, own.claim].map((name) => stat(join(directory, name)).catch(() => undefined)))
  return theirs !== undefined && ours !== undefined && ours.mtimeMs - theirs.mtimeMs < staleMilliseconds
}

function locked(directory: string, claim: string): MirrorError {
  const pid = claim.split('-')[2]
  const who = pid === undefined || pid === '0' ? 'another process' : `process ${pid}`
  return new MirrorError('LAYOUT_LOCKED', `${who} is writing to this layout`, {
    hint: `Wait until it has finished, or stop it. If no such process exists any more, remove ${join(directory, claim)}.`,
  })
}

/**
 * Takes the layout for this process; throws LAYOUT_LOCKED while another one has it. Every writer first creates a claim of its own name and then
 * looks for others: of two that start together at least one sees the other, and a dead writer's claim can be removed without removing a new one.
 */
export async function lockLayout(directory: string): Promise<LayoutLock> {
  const identity = await ownIdentity()
  for (let attempt = 1; ; attempt++) {
    const claim = `${prefix}${identity}-${randomBytes(6).toString('hex')}`
    const path = join(directory, claim)
    let uid: number
    try {
      await using file = await open(path, 'wx', 0o600)
      ;({ uid } = await file.stat())
    } catch (error) {
      throw await localIo(error, 'write', path)
    }
    let holder: string | undefined
    for (const other of await readdir(directory)) {
      if (!other.startsWith(prefix) || other === claim) continue
      if (await isAlive(directory, other, { identity, claim })) holder = other
      else await rm(join(directory, other), { force: true })
    }
    if (holder === undefined) return holdClaim(path, uid)
    await rm(path, { force: true })
    if (attempt === attempts) throw locked(directory, holder)
    // Two that started together have both stepped back: one of them comes first now.
    await delay(10 + Math.random() * 40 * attempt)
  }
}

function holdClaim(path: string, uid: number): LayoutLock {
  const beat = setInterval(() => {
    // Writing, unlike utimes, takes the time from the file system; r+ never creates a claim that was removed. A failure is made good by the next beat.
    writeFile(path, '.', { flag: 'r+' }).catch(() => undefined)
  }, beatMilliseconds)
  beat.unref()
  return {
    uid,
    release: async () => {
      clearInterval(beat)
      await rm(path, { force: true })
    },
  }
}
