import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MirrorError } from '../errors.ts'
import { GroupCommit } from './group-commit.ts'
import { errnoOf, isThere, localIo } from './local-io.ts'

const prefix = 'writer-'
const takeoverName = 'takeover'
const beatMilliseconds = 5000
/** A writer that has not touched its claim for so long counts as gone. */
export const staleMilliseconds = 30_000
const attempts = 4
const beatNames = ['alive', 'alive-'] as const

/** Field 22 of /proc/<pid>/stat, the start in clock ticks; the name before it may hold spaces and brackets. Undefined for a process that has ended, also where its parent never asks how. */
async function startOf(pid: string): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // Of a killed process another thread may still finish its writing.
  return fields[0] === 'Z' && Number(fields[17]) <= 1 ? undefined : fields[19]
}

/** Where process numbers have one meaning: this boot of this machine and its process namespace. */
async function processSpace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname())
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return createHash('sha256').update(`${boot}\n${namespace}`).digest('hex').slice(0, 12)
}

/** This process as `space-pid-start`; without /proc, pid and start are 0 and only the heartbeat counts. */
async function ownIdentity(): Promise<string> {
  const pid = await readlink('/proc/self').catch(() => '0')
  return `${await processSpace()}-${pid}-${(await startOf(pid)) ?? '0'}`
}

/** `dead` is certain; `silent` is a writer on another machine or in another container that has not touched its claim for long. */
async function stateOf(directory: string, other: string, own: { readonly identity: string; readonly name: string }) {
  const [space, pid, start] = other.slice(prefix.length).split('-')
  if (space === own.identity.split('-')[0] && pid !== undefined && pid !== '0') return (await startOf(pid)) === start ? 'alive' : 'dead'
  // The process numbers of another machine mean nothing here. Both times are the file system's.
  const [theirs, ours] = await Promise.all([other, own.name].map((name) => stat(join(directory, name)).catch(() => undefined)))
  return theirs !== undefined && ours !== undefined && ours.mtimeMs - theirs.mtimeMs < staleMilliseconds ? 'alive' : 'silent'
}

/** The claims of writers in the private directory of a layout, by name; without those whose process is known to have ended. */
export async function livingClaims(directory: string): Promise<readonly string[]> {
  const claims = (await readdir(directory).catch(() => [])).filter((name) => name.startsWith(prefix))
  const [space] = (await ownIdentity()).split('-')
  const isAlive = async (claim: string): Promise<boolean> => {
    const [other, pid, start] = claim.slice(prefix.length).split('-')
    return other !== space || pid === undefined || pid === '0' || (await startOf(pid)) === start
  }
  const living = await Promise.all(claims.map(isAlive))
  return claims.filter((_, at) => living[at])
}

function locked(directory: string, claim: string): MirrorError {
  const pid = claim.split('-')[2]
  const who = pid === undefined || pid === '0' ? 'another process' : `process ${pid}`
  return new MirrorError('LAYOUT_LOCKED', `${who} is writing to this layout`, {
    hint: `wait until it has finished, or stop it; if it no longer exists, remove ${join(directory, claim)}`,
  })
}

/** The directory has to be gone, and not only empty: its writer may wake up and put files into it. */
async function removeClaim(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 })
}

/**
 * Takes the layout for this process; throws LAYOUT_LOCKED while another one has it. Every writer first creates a claim of its own name and then
 * looks for others: of two that start together at least one sees the other, and a dead writer's claim can be removed without removing a new one.
 */
export async function claimLayout(directory: string): Promise<LayoutClaim> {
  const identity = await ownIdentity()
  const takeover = join(directory, takeoverName)
  for (let attempt = 1; ; attempt++) {
    const name = `${prefix}${identity}-${randomBytes(6).toString('hex')}`
    const claim = join(directory, name)
    let holder: string | undefined
    try {
      await mkdir(claim, { mode: 0o700 })
      await writeFile(join(claim, beatNames[0]), '', { flag: 'wx' })
      for (const other of await readdir(directory)) {
        if (!other.startsWith(prefix) || other === name) continue
        const state = await stateOf(directory, other, { identity, name })
        if (state === 'alive') holder = other
        else {
          // Written first, so that it survives a crash before the removal.
          if (state === 'silent') await writeFile(takeover, '')
          await removeClaim(join(directory, other))
        }
      }
      const { uid } = await stat(claim)
      if (holder === undefined) return new LayoutClaim({ directory: claim, uid, isTakeover: await isThere(takeover) })
    } catch (error) {
      // What made the claim fail makes its removal fail too.
      await removeClaim(claim).catch(() => undefined)
      throw await localIo(error, 'write', claim)
    }
    await removeClaim(claim)
    if (attempt === attempts) throw locked(directory, holder)
    // Two that started together have both stepped back: one of them comes first now.
    await delay(10 + Math.random() * 40 * attempt)
  }
}

/** The right of this process to write to a layout. */
export class LayoutClaim {
  /**
   * This writer's own directory. Every file that replaces another one is renamed out of it, and every file to delete is renamed into it: once another
   * writer has removed it, neither can happen, at whatever instruction this process was frozen.
   */
  readonly directory: string
  /** The owner of what this process makes there. */
  readonly uid: number
  /** True until `endTakeover` where an earlier writer may still be alive with open files: those must be replaced before anything is written to them. */
  isTakeover: boolean
  readonly #loss = new AbortController()
  readonly #beats = new GroupCommit(() => this.#beat())
  readonly #timer: NodeJS.Timeout

  constructor({ directory, uid, isTakeover }: Pick<LayoutClaim, 'directory' | 'uid' | 'isTakeover'>) {
    this.directory = directory
    this.uid = uid
    this.isTakeover = isTakeover
    // A failure is made good by the next beat.
    this.#timer = setInterval(() => void this.confirm().catch(() => undefined), beatMilliseconds)
    this.#timer.unref()
  }

  /** Aborted once another process has removed the claim; its reason is a LAYOUT_LOCKED error. */
  get lost(): AbortSignal {
    return this.#loss.signal
  }

  /** Resolves if the claim still existed after the call, and throws LAYOUT_LOCKED if not: what was written before the call reached the next writer too. */
  confirm(): Promise<void> {
    return this.#beats.run()
  }

  /** Records that no file is left that an earlier writer may have open. */
  async endTakeover(): Promise<void> {
    if (!this.isTakeover) return
    await rm(join(dirname(this.directory), takeoverName), { force: true })
    this.isTakeover = false
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    await this.confirm().catch(() => undefined)
    await removeClaim(this.directory)
  }

  /** Renames a file within the claim: that sets the directory's time, needs no space, and asks the server of a network file system instead of a cache. */
  async #beat(): Promise<void> {
    this.lost.throwIfAborted()
    for (const [from, to] of [beatNames, beatNames.toReversed()] as const) {
      try {
        await rename(join(this.directory, from), join(this.directory, to))
        return
      } catch (error) {
        const code = errnoOf(error)
        if (code !== 'ENOENT' && code !== 'ESTALE') throw await localIo(error, 'write', this.directory)
      }
    }
    clearInterval(this.#timer)
    const error = new MirrorError('LAYOUT_LOCKED', 'another process took over this layout', {
      hint: `run only one writer, and start this one again when the other has ended: it did not respond for ${staleMilliseconds / 1000} s`,
    })
    this.#loss.abort(error)
    throw error
  }
}
