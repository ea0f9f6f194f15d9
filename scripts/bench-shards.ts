/**
 * Copies 1,000 made-up images with 1, 4 and 16 shards, all at once on this machine: `npm run bench:shards [-- <images>]`. Every row has an
 * empty docker-registry, behind a delay of 25 ms each way, as its source has.
 */
import { availableParallelism, loadavg } from 'node:os'
import { startDockerRegistry } from '../test/servers/docker-registry.ts'
import { seedRelease } from '../test/servers/seed-release.ts'
import { tempDir } from '../test/servers/temp-dir.ts'
import { ours } from './bench/contenders.ts'
import { delayProxy } from './bench/delay-proxy.ts'
import { RequestLog } from './bench/request-log.ts'
import { runProcesses } from './bench/run-processes.ts'
import { table } from './bench/table.ts'

const [count = 1000] = process.argv.slice(2).map(Number)
const delay = 25

await using home = await tempDir()
await using source = await startDockerRegistry()
const images = Array.from({ length: count }, (_, index) => ({
  repository: `site/app-${index}`,
  tag: '1',
  kind: 'oci' as const,
  layers: [{ megabytes: 0.02 }],
}))
let list = ''
// A connection for every image at once would be too many.
for (let at = 0; at < count; at += 50) {
  list += (await seedRelease(source.url, { scale: 1, images: images.slice(at, at + 50) })).list
}
await using sourceProxy = await delayProxy(source.host, delay)
const sourceLog = new RequestLog(source)
await sourceLog.since()
const rows = [['shards', 'wall s', 'CPU s', 'MB each', 'requests', 'load before']]
for (const shards of [1, 4, 16]) {
  await using destination = await startDockerRegistry()
  await using destinationProxy = await delayProxy(destination.host, delay)
  const job = { source: sourceProxy.host, destination: destinationProxy.host, listFile: await home.write('list.txt', list), images: [] }
  const [[program, ...args] = ['']] = ours.commands(job)
  const commands = Array.from({ length: shards }, (_, index) => [program, ...args, '--shard', `${index + 1}/${shards}`] as const)
  const load = (loadavg()[0] ?? 0).toFixed(1)
  const usage = await runProcesses(commands, { PATH: process.env['PATH'], HOME: home.path, DOCKER_CONFIG: home.path })
  const requests = (await sourceLog.since()).total + (await new RequestLog(destination).since()).total
  const peak = (usage.peakBytes / 1e6).toFixed(0)
  const row = [String(shards), usage.seconds.toFixed(1), usage.cpuSeconds.toFixed(1), peak, String(requests), load]
  console.error(row.join('  '))
  rows.push(row)
}
console.log(`Node ${process.version}, ${availableParallelism()} cores, ${count} images, ${delay} ms each way\n`)
console.log(table(rows))
