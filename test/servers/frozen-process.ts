import type { ChildProcess } from 'node:child_process'
import { readFile, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { kill } from 'node:process'

/** Starts a command as a container does: with process numbers that mean nothing outside. */
export const inOwnProcessSpace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const

/** The number of the process that `unshare` started. */
export async function processWithin({ pid = 0 }: ChildProcess): Promise<number> {
  for (;;) {
    const child = Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim())
    if (child > 0) return child
    await new Promise(setImmediate)
  }
}

/** Stops a process, and makes its claim in this directory look a minute old; the returned function resumes it. */
export async function freeze(pid: number, directory: string): Promise<() => void> {
  kill(pid, 'SIGSTOP')
  for (;;) {
    // Threads that are at a system call stop when it ends.
    const states = await Promise.all(
      (await readdir(`/proc/${pid}/task`)).map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
    )
    if (states.every((stat) => /\) T /.test(stat))) break
    await new Promise(setImmediate)
  }
  const old = new Date(Date.now() - 60_000)
  for (const name of await readdir(directory)) if (name.startsWith('writer-')) await utimes(join(directory, name), old, old)
  return () => void kill(pid, 'SIGCONT')
}
