import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, rmdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { clearRemains } from './containerd-remains.ts'

/** What a dockerd had to itself. */
export interface EngineGround {
  /** Holds everything that follows and the data root. */
  readonly directory: string
  readonly execRoot: string
  /** Name of the control group that its containers' groups stand in, at the top of every hierarchy. */
  readonly controlGroup: string
}

/** Clears what a dockerd that has ended leaves behind: its containerd, shims, containers, mounts and control groups. Linux only. */
export async function clearEngineRemains({ directory, execRoot, controlGroup }: EngineGround): Promise<void> {
  const containerd = `${execRoot}/containerd`
  await endContainerd(containerd)
  // the file is missing when the start failed early
  await mkdir(`${containerd}/daemon`, { recursive: true })
  await clearRemains(`${containerd}/containerd.sock`, `${containerd}/daemon`)
  // the innermost first
  for (const mount of (await mountsBelow(directory)).toReversed()) await promisify(execFile)('umount', ['--lazy', mount])
  for (const group of await controlGroups(controlGroup)) await removeControlGroup(group)
}

/** Mount points below a directory, the outermost first. */
export async function mountsBelow(directory: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '')
  return mounts.filter((path) => path.startsWith(`${directory}/`))
}

/** Directories of a control group that stands at the top of any hierarchy, of version 1 or 2. */
export async function controlGroups(name: string): Promise<readonly string[]> {
  const top = '/sys/fs/cgroup'
  const entries = await readdir(top, { withFileTypes: true }).catch(() => [])
  const hierarchies = [top, ...entries.filter((entry) => entry.isDirectory()).map((entry) => `${top}/${entry.name}`)]
  const found = await Promise.all(hierarchies.map(async (path) => (await readdir(path)).filter((entry) => entry === name)))
  return hierarchies.filter((_, index) => found[index]?.length === 1).map((path) => `${path}/${name}`)
}

/** The kernel ends it together with a dockerd that was killed, only not at once. */
async function endContainerd(directory: string): Promise<void> {
  const pid = Number(await readFile(`${directory}/containerd.pid`, 'utf8').catch(() => '0'))
  if (pid === 0) return
  while (await isOurs(pid, `${directory}/containerd.toml`)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      return
    }
    await sleep(5)
  }
}

/** A process identifier may be another process's by now; one that has ended has no arguments. */
async function isOurs(pid: number, argument: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.split('\0').includes(argument)
}

async function removeControlGroup(path: string): Promise<void> {
  const inner = (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  for (const { name } of inner) await removeControlGroup(`${path}/${name}`)
  for (const start = Date.now(); ;) {
    try {
      return await rmdir(path)
    } catch (error) {
      // it is busy until its last process is gone altogether
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() - start > 5000) throw error
      await sleep(5)
    }
  }
}
