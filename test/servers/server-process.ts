import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { socketRequest } from './socket-request.ts'

/** True once a program that was started has exited. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Resolves when a Docker Engine, or Podman, answers at its socket; throws when the program ends before, or after `patience` milliseconds. */
export async function untilPinged(socket: string, child: ChildProcess, patience: number): Promise<void> {
  for (const start = Date.now(); ;) {
    try {
      const { status } = await socketRequest(socket, '/_ping')
      if (status === 200) return
      throw new Error(`it answered with ${status}`)
    } catch (error) {
      if (child.pid === undefined || hasEnded(child)) throw new Error('it has ended', { cause: error })
      if (Date.now() - start > patience) throw error
      await sleep(10)
    }
  }
}

/** Ends a program that was started, and kills it where it has not ended `patience` milliseconds later. */
export async function endProcess(child: ChildProcess, patience: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return
  const exit = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), patience)
  await exit
  clearTimeout(timer)
}
