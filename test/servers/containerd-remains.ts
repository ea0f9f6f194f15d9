import { execFile } from 'node:child_process'
import { readFile, readdir, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/**
 * Clears what a containerd that has ended leaves behind: shims, which are found again by its socket, the containers below them, the
 * shims' own sockets, and mounts below its state. Linux only.
 */
export async function clearRemains(socket: string, stateDirectory: string): Promise<void> {
  const processes = await readProcesses()
  const shims = processes.filter(({ args }) => args.includes(socket) && args[0]?.includes('containerd-shim') === true)
  const containers = processes.filter(({ parent }) => shims.some(({ pid }) => pid === parent))
  for (const { pid } of [...containers, ...shims]) await end(pid)
  for (const name of await readdir(stateDirectory, { recursive: true })) {
    // a shim listens outside of containerd's directories, and says where
    if (name.endsWith('/address')) await rm((await readFile(`${stateDirectory}/${name}`, 'utf8')).replace('unix://', ''), { force: true })
  }
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '')
  // the innermost first
  for (const mount of mounts.filter((path) => path.startsWith(`${stateDirectory}/`)).toReversed()) {
    await promisify(execFile)('umount', ['--lazy', mount])
  }
}

/** Command lines of all processes that were started with this argument. */
export async function processesWith(argument: string): Promise<readonly string[]> {
  return (await readProcesses()).filter(({ args }) => args.includes(argument)).map(({ args }) => args.join(' '))
}

interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly args: readonly string[]
}

async function readProcesses(): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => readProcess(Number(pid)).catch(() => undefined)))
  return found.filter((process) => process !== undefined)
}

async function readProcess(pid: number): Promise<RunningProcess> {
  const [args, status] = await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/status`, 'utf8')])
  return { pid, parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]), args: args.split('\0') }
}

async function end(pid: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      process.kill(pid, 'SIGKILL')
      // only a name is left of a process that was not looked up yet
      if ((await readProcess(pid)).args[0] === '') return
    } catch {
      return
    }
    await sleep(5)
  }
}
