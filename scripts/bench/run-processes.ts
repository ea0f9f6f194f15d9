import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** A program with its arguments. */
export type CommandLine = readonly [program: string, ...args: readonly string[]]

/** What a number of processes that ran at once have used. */
export interface Usage {
  /** From the first start to the last end. */
  readonly seconds: number
  /** User and system time of all of them. */
  readonly cpuSeconds: number
  /** The largest resident size that one of them reached. */
  readonly peakBytes: number
  readonly processes: number
}

/** Clock ticks of /proc a second: a constant of Linux' interface to programs on every platform that Node runs on. */
const ticksPerSecond = 100
const pollMilliseconds = 20

/**
 * CPU time of children that have ended and were waited for: fields 16 and 17 of /proc/self/stat. Node waits for every child, so the difference
 * over a measurement is the time of exactly the processes that ended in it, to a hundredth of a second each, and needs no other program.
 */
function cpuOfEndedChildren(): number {
  const text = readFileSync('/proc/self/stat', 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
}

/** The high-water mark of a live process; 0 when it has ended. It only rises, so asking now and then misses no more than the last moment. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

async function run([program, ...args]: CommandLine, env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let peak = 0
  let said = ''
  const timer = setInterval(() => (peak = Math.max(peak, peakOf(child.pid ?? 0))), pollMilliseconds)
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
  const [status] = (await once(child, 'close').finally(() => clearInterval(timer))) as [number | null]
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}:\n${said}`)
  return peak
}

/** Runs all of them at once and waits for the last; throws when one fails. No other child of this process may end meanwhile. */
export async function runProcesses(commands: readonly CommandLine[], env: Readonly<Record<string, string | undefined>>): Promise<Usage> {
  const cpu = cpuOfEndedChildren()
  const started = performance.now()
  const outcomes = await Promise.allSettled(commands.map((command) => run(command, env)))
  const seconds = (performance.now() - started) / 1000
  const peaks = outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
  return { seconds, cpuSeconds: cpuOfEndedChildren() - cpu, peakBytes: Math.max(...peaks), processes: commands.length }
}
