import { readFileSync, readdirSync } from 'node:fs'

/** Clock ticks of /proc a second. */
const ticksPerSecond = 100

interface ProcessTimes {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

/** User and system time of a process and of its ended children: fields 14 to 17 of /proc/<pid>/stat. Undefined for one that has ended. */
function timesOf(pid: number): ProcessTimes | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    return { pid, parent: fields[1] ?? 0, ticks: fields.slice(11, 15).reduce((sum, value) => sum + value, 0) }
  } catch {
    return undefined
  }
}

/** Seconds of CPU that a daemon and everything below it have used so far. */
export function cpuOfTree(root: number): number {
  const all = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => timesOf(Number(name)) ?? [])
  const below = (pid: number): number =>
    all.filter(({ parent }) => parent === pid).reduce((sum, child) => sum + child.ticks + below(child.pid), 0)
  return ((all.find(({ pid }) => pid === root)?.ticks ?? 0) + below(root)) / ticksPerSecond
}
