import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { peers, program } from './contenders.ts'
import { runProcesses, type CommandLine, type Usage } from './run-processes.ts'
import { inTurns, median, table } from './table.ts'

/** Processes of one measurement: the system counts CPU in hundredths of a second, and one start takes a few of them. */
const atOnce = 10

const versions: Readonly<Record<string, CommandLine>> = {
  crane: ['crane', 'version'],
  skopeo: ['skopeo', '--version'],
  oras: ['oras', 'version'],
}

/** Measured when `npm run package` has written it. */
const executable = fileURLToPath(new URL('../../build/k3s-mirror-linux-amd64', import.meta.url))

/** Measures how long programs take to start and to print their version or help; gives the table, each a mean of ten starts, one after the other. */
export async function measureStart(names: readonly string[], runs: number): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const own: readonly CommandLine[] = [
    [process.execPath, '-e', '0'],
    [process.execPath, program, '--version'],
    [process.execPath, program, 'mirror', '--help'],
    ...(existsSync(executable) ? [[executable, '--version'] as const] : []),
  ]
  const others = peers.filter(({ name, installed }) => installed && names.includes(name)).map(({ name }) => versions[name])
  const commands = [...own, ...others.filter((command) => command !== undefined)]
  const measured = await inTurns(commands, runs, async (command): Promise<Usage> => {
    const usages: Usage[] = []
    for (let start = 0; start < atOnce; start++) usages.push(await runProcesses([command], env))
    const mean = (value: (usage: Usage) => number): number => usages.reduce((sum, usage) => sum + value(usage), 0) / atOnce
    return { seconds: mean(({ seconds }) => seconds), cpuSeconds: mean((usage) => usage.cpuSeconds), peakBytes: 0, processes: atOnce }
  })
  const of = (command: CommandLine | undefined, value: (usage: Usage) => number): number =>
    median((command === undefined ? [] : (measured.get(command) ?? [])).map(value))
  const cpu = (command: CommandLine | undefined): number => of(command, ({ cpuSeconds }) => cpuSeconds)
  const rows = commands.map((command) => [
    command
      .map((word) => (word === process.execPath ? 'node' : word === program ? 'k3s-mirror' : basename(word)))
      .join(' ')
      .replace(/^node k3s/, 'k3s'),
    (of(command, ({ seconds }) => seconds) * 1000).toFixed(0),
    (cpu(command) * 1000).toFixed(0),
    `${(cpu(command) / cpu(own[0])).toFixed(2)}x`,
  ])
  return table([['', 'wall ms', 'CPU ms', 'ratio to node'], ...rows])
}
