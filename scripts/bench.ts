/**
 * Compares this program with crane, skopeo and oras, where they are on PATH: `npm run bench -- --help`. A made-up release is copied
 * from one docker-registry to another. Every measurement has an empty destination of its own; contenders take turns; medians are shown.
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startDockerRegistry, type DockerRegistry } from '../test/servers/docker-registry.ts'
import { plainRequest } from '../test/servers/http-request.ts'
import { findProgram } from '../test/servers/require-server.ts'
import { seedRelease, type SeededRelease } from '../test/servers/seed-release.ts'
import { tempDir, type TempDir } from '../test/servers/temp-dir.ts'
import { measureAgain } from './bench/again.ts'
import { ours, peers, type Contender, type Job } from './bench/contenders.ts'
import { delayProxy } from './bench/delay-proxy.ts'
import { RequestLog, type Requests } from './bench/request-log.ts'
import { runProcesses, type Usage } from './bench/run-processes.ts'
import { measureStart } from './bench/start.ts'
import { inTurns, median, table } from './bench/table.ts'

const usage = `npm run bench -- [options]

  --runs <n>      measurements of each contender, of which the median is shown (default 3, and 9 of start and again)
  --scale <n>     factor on all sizes (default 1: 525 MB without a delay, 10 MB with one)
  --only <names>  comma-separated: crane, skopeo, oras, and the settings start, again, delayed, loopback; ours is always there
  --delay <ms>    of each direction in the settings again and delayed (default 25)
  --memory        instead: peak memory of ours, at --scale and at ten times that, once each
`

interface Setting {
  readonly name: 'delayed' | 'loopback'
  readonly scale: number
  /** Milliseconds each way; 0 for no proxy at all. */
  readonly delay: number
  /** Whether the same is run a second time into the same destination. */
  readonly again: boolean
}

interface Measurement {
  readonly cold: Usage
  readonly coldRequests: { readonly source: Requests; readonly destination: Requests }
  readonly again?: Usage
  readonly againRequests?: { readonly source: Requests; readonly destination: Requests }
  /** Bytes that the delay proxy passed from the source; undefined without one. */
  readonly wire: number | undefined
}

/** Fails unless every tag at the destination names the digest that was seeded: a fast wrong copy is not fast. */
async function checkCopy(destination: DockerRegistry, release: SeededRelease): Promise<void> {
  for (const { repository, tag, index } of release.images) {
    const url = `${destination.url}/v2/mirror/${repository}/manifests/${tag}`
    const { status, headers } = await plainRequest(url, { method: 'HEAD', headers: { accept: index.mediaType } })
    if (status !== 200 || headers['docker-content-digest'] !== index.digest) throw new Error(`${repository}:${tag} was not copied as it is`)
  }
}

async function measure(
  contender: Contender,
  setting: Setting,
  from: { readonly registry: DockerRegistry; readonly log: RequestLog; readonly release: SeededRelease },
  home: TempDir,
): Promise<Measurement> {
  const { registry, log, release } = from
  await using destination = await startDockerRegistry()
  await using sourceProxy = setting.delay > 0 ? await delayProxy(registry.host, setting.delay) : undefined
  await using destinationProxy = setting.delay > 0 ? await delayProxy(destination.host, setting.delay) : undefined
  const destinationLog = new RequestLog(destination)
  const job: Job = {
    source: sourceProxy?.host ?? registry.host,
    destination: destinationProxy?.host ?? destination.host,
    listFile: await home.write('list.txt', release.list),
    images: release.images.map(({ repository, tag }) => `${repository}:${tag}`),
  }
  const env = { PATH: process.env['PATH'], HOME: home.path, DOCKER_CONFIG: home.path, XDG_RUNTIME_DIR: home.path }
  const requests = async (): Promise<Measurement['coldRequests']> => ({
    source: await log.since(),
    destination: await destinationLog.since(),
  })
  await requests()
  const cold = await runProcesses(contender.commands(job), env)
  const wire = sourceProxy?.counts.bytesToClient
  const coldRequests = await requests()
  await checkCopy(destination, release)
  if (!setting.again) return { cold, coldRequests, wire }
  await requests()
  const again = await runProcesses(contender.commands(job), env)
  return { cold, coldRequests, wire, again, againRequests: await requests() }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)
const seconds = (value: number): string => value.toFixed(2)

function row(name: string, all: readonly Measurement[], first: readonly Measurement[], release: SeededRelease): string[] {
  const mid = (of: readonly Measurement[], value: (one: Measurement) => number | undefined): number =>
    median(of.map(value).filter((one) => one !== undefined))
  const [one] = all
  if (one === undefined) return [name]
  const cold = mid(all, ({ cold }) => cold.seconds)
  const again = mid(all, ({ again }) => again?.seconds)
  const ratio = (value: number, base: number): string => `${(value / base).toFixed(2)}x`
  const cpu = mid(all, ({ cold }) => cold.cpuSeconds)
  const count = ({ source, destination }: Measurement['coldRequests']): number => source.total + destination.total
  const gets = ({ source }: Measurement['coldRequests']): number => source.byKind.get('manifest-get') ?? 0
  const hasAgain = one.againRequests !== undefined
  return [
    name,
    seconds(cold),
    ratio(
      cold,
      mid(first, ({ cold }) => cold.seconds),
    ),
    ...(hasAgain
      ? [
          seconds(again),
          ratio(
            again,
            mid(first, ({ again }) => again?.seconds),
          ),
        ]
      : []),
    seconds(cpu),
    seconds(cpu / (release.bytes / 1e9)),
    `${one.cold.processes} x ${megabytes(mid(all, ({ cold }) => cold.peakBytes))}`,
    String(count(one.coldRequests)),
    ...(one.againRequests === undefined ? [] : [String(count(one.againRequests))]),
    String(gets(one.coldRequests)),
    ...(one.againRequests === undefined ? [] : [String(gets(one.againRequests))]),
    megabytes(one.coldRequests.source.bytesSent),
  ]
}

function titles({ again }: Setting): string[] {
  return [
    '',
    'cold s',
    'ratio',
    ...(again ? ['again s', 'ratio'] : []),
    'CPU s',
    'CPU s/GB',
    'memory MB',
    'requests',
    ...(again ? ['again'] : []),
    'manifest GETs',
    ...(again ? ['again'] : []),
    'MB from source',
  ]
}

function kindTable(results: ReadonlyMap<string, readonly Measurement[]>): string {
  const first = [...results].map(([name, [one]]) => [name, one?.coldRequests] as const)
  const counts = (requests: Measurement['coldRequests'] | undefined): Map<string, number> => {
    const sides = [...(requests?.source.byKind ?? []), ...(requests?.destination.byKind ?? [])]
    return sides.reduce((sums, [kind, count]) => sums.set(kind, (sums.get(kind) ?? 0) + count), new Map<string, number>())
  }
  const kinds = [...new Set(first.flatMap(([, requests]) => [...counts(requests).keys()]))].toSorted()
  return table([
    ['cold, by kind', ...first.map(([name]) => name)],
    ...kinds.map((kind) => [kind, ...first.map(([, requests]) => String(counts(requests).get(kind) ?? 0))]),
  ])
}

async function runSetting(setting: Setting, contenders: readonly Contender[], runs: number): Promise<void> {
  await using home = await tempDir()
  await using registry = await startDockerRegistry()
  const release = await seedRelease(registry.url, { scale: setting.scale, salt: 'bench' })
  const from = { registry, log: new RequestLog(registry), release }
  const measured = await inTurns(contenders, runs, (contender) => measure(contender, setting, from, home))
  const results = new Map([...measured].map(([{ name }, all]) => [name, all]))
  const line = setting.delay > 0 ? `${setting.delay} ms delay each way on both sides` : 'loopback, no delay'
  const first = results.get(ours.name) ?? []
  console.log(
    `\n${setting.name}: ${release.images.length} images, ${release.blobs.size} blobs, ${megabytes(release.bytes)} MB; ${line}; median of ${runs}\n`,
  )
  console.log(table([titles(setting), ...[...results].map(([name, all]) => row(name, all, first, release))]))
  console.log(`\n${kindTable(results)}`)
  const wire = first[0]?.wire
  if (wire !== undefined) console.log(`\nbytes on the line from the source, ours, headers included: ${megabytes(wire)} MB`)
}

/** Peak memory must not grow with the size of blobs. */
async function runMemory(scale: number): Promise<void> {
  const rows = [['', 'MB moved', 'largest blob MB', 'peak memory MB', 'cold s']]
  for (const factor of [scale, scale * 10]) {
    await using home = await tempDir()
    await using registry = await startDockerRegistry()
    const release = await seedRelease(registry.url, { scale: factor, salt: 'bench' })
    const setting: Setting = { name: 'loopback', scale: factor, delay: 0, again: false }
    const { cold } = await measure(ours, setting, { registry, log: new RequestLog(registry), release }, home)
    const largest = Math.max(...release.blobs.values())
    rows.push([`scale ${factor}`, megabytes(release.bytes), megabytes(largest), megabytes(cold.peakBytes), seconds(cold.seconds)])
  }
  console.log(table(rows))
}

function positive(text: string | undefined, name: string, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new Error(`--${name} must be a number above 0`)
  return value
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string' },
      scale: { type: 'string' },
      only: { type: 'string' },
      delay: { type: 'string' },
      memory: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    console.log(usage)
    return
  }
  const runs = Math.ceil(positive(values.runs, 'runs', 3))
  const scale = positive(values.scale, 'scale', 1)
  if (findProgram('docker-registry') === undefined) {
    throw new Error('docker-registry is not on PATH; the benchmark needs two of them. On Debian: sudo scripts/install-test-servers.sh')
  }
  const delay = positive(values.delay, 'delay', 25)
  const settings: readonly Setting[] = [
    { name: 'delayed', scale: 0.02 * scale, delay, again: true },
    { name: 'loopback', scale, delay: 0, again: false },
  ]
  const allSettings = [{ name: 'start' }, { name: 'again' }, ...settings]
  const names = values.only?.split(',').map((name) => name.trim()) ?? []
  const known = [ours.name, 'ours', ...peers.map(({ name }) => name), ...allSettings.map(({ name }) => name)]
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`--only does not know ${unknown.join(', ')}; it knows ${known.join(', ')}`)
  const isChosen = (name: string, among: readonly { readonly name: string }[]): boolean =>
    names.includes(name) || !among.some((one) => names.includes(one.name))
  const onlyOurs = names.includes('ours') || names.includes(ours.name)
  const wanted = peers.filter(({ name }) => (onlyOurs ? names.includes(name) : isChosen(name, peers)))
  const missing = wanted.filter(({ installed }) => !installed).map(({ name }) => name)
  const busy = (loadavg()[0] ?? 0).toFixed(1)
  console.log(
    `Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, load before: ${busy}`,
  )
  if (values.memory === true) return runMemory(scale)
  if (missing.length > 0) console.log(`not on PATH, and so not measured: ${missing.join(', ')}`)
  const contenders = [ours, ...wanted.filter(({ installed }) => installed)]
  const shortRuns = values.runs === undefined ? 9 : runs
  if (isChosen('start', allSettings)) {
    const text = await measureStart(
      contenders.map(({ name }) => name),
      shortRuns,
    )
    console.log(`\nstart: what it takes to print a version or help, a mean of ten; median of ${shortRuns}\n\n${text}`)
  }
  if (isChosen('again', allSettings)) {
    const text = await measureAgain(contenders, { scale: 0.02 * scale, delay, runs: shortRuns })
    console.log(`\nagain: everything is at the destination; ${delay} ms delay each way on both sides; median of ${shortRuns}\n\n${text}`)
  }
  for (const setting of settings) if (isChosen(setting.name, allSettings)) await runSetting(setting, contenders, runs)
}

// Ctrl-C reaches the processes that are measured too; their end is an error here, and everything is taken down in order.
process.on('SIGINT', () => undefined)
try {
  await main()
} catch (error) {
  console.error(`the benchmark failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
