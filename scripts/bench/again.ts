import { startDockerRegistry } from '../../test/servers/docker-registry.ts'
import { seedRelease } from '../../test/servers/seed-release.ts'
import { tempDir } from '../../test/servers/temp-dir.ts'
import { ours, type Contender, type Job } from './contenders.ts'
import { delayProxy } from './delay-proxy.ts'
import { RequestLog } from './request-log.ts'
import { runProcesses, type Usage } from './run-processes.ts'
import { inTurns, median, table } from './table.ts'

/** Where a run that has nothing to do is measured. */
export interface AgainSetting {
  readonly scale: number
  /** Milliseconds each way. */
  readonly delay: number
  readonly runs: number
}

/** Copies a release once, and measures every contender where all of it is at the destination; gives the table. */
export async function measureAgain(contenders: readonly Contender[], { scale, delay, runs }: AgainSetting): Promise<string> {
  await using home = await tempDir()
  await using source = await startDockerRegistry()
  await using destination = await startDockerRegistry()
  const release = await seedRelease(source.url, { scale, salt: 'bench' })
  await using sourceProxy = await delayProxy(source.host, delay)
  await using destinationProxy = await delayProxy(destination.host, delay)
  const images = release.images.map(({ repository, tag }) => `${repository}:${tag}`)
  const near: Job = { source: source.host, destination: destination.host, listFile: await home.write('list.txt', release.list), images }
  const far: Job = { ...near, source: sourceProxy.host, destination: destinationProxy.host }
  const env = { PATH: process.env['PATH'], HOME: home.path, DOCKER_CONFIG: home.path, XDG_RUNTIME_DIR: home.path }
  await runProcesses(ours.commands(near), env)
  const logs = [new RequestLog(source), new RequestLog(destination)]
  const requests = async (): Promise<number> => {
    const counts = await Promise.all(logs.map((log) => log.since()))
    return counts.reduce((sum, { total }) => sum + total, 0)
  }
  await requests()
  const measured = await inTurns(contenders, runs, async (contender): Promise<Usage & { readonly requests: number }> => {
    const usage = await runProcesses(contender.commands(far), env)
    return { ...usage, requests: await requests() }
  })
  const first = median((measured.get(ours) ?? []).map(({ seconds }) => seconds))
  const rows = [...measured].map(([{ name }, all]) => {
    const seconds = median(all.map((one) => one.seconds))
    const cpu = median(all.map((one) => one.cpuSeconds))
    return [
      name,
      seconds.toFixed(2),
      `${(seconds / first).toFixed(2)}x`,
      cpu.toFixed(2),
      String(all[0]?.processes),
      String(all[0]?.requests),
    ]
  })
  return table([['', 'wall s', 'ratio', 'CPU s', 'processes', 'requests'], ...rows])
}
