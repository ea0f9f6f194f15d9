/**
 * Compares bundles with the archives of other tools: `npm run bench:bundle -- --help`. A made-up release goes from one docker-registry into
 * files, and from the files into an empty one, once for every tool, one after another in one run.
 */
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startContainerd } from '../test/servers/containerd.ts'
import { startDockerEngine } from '../test/servers/docker-engine.ts'
import { startDockerRegistry } from '../test/servers/docker-registry.ts'
import { findProgram } from '../test/servers/require-server.ts'
import { seedRelease } from '../test/servers/seed-release.ts'
import { tempDir } from '../test/servers/temp-dir.ts'
import { program } from './bench/contenders.ts'
import { cpuOfTree } from './bench/process-tree.ts'
import { runProcesses, type CommandLine, type Usage } from './bench/run-processes.ts'
import { table } from './bench/table.ts'

const usage = `npm run bench:bundle -- [options]

  --scale <n>  factor on all sizes (default 1: 525 MB)
`

/** Commands that run one after another, those of one step all at once. */
type Steps = readonly (readonly CommandLine[])[]

/** A tool that carries images in files. */
interface Carrier {
  readonly name: string
  /** A daemon that does its work. */
  readonly pid?: number
  readonly env?: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly out: Steps
  into(registry: string): Steps
}

async function measure({ pid, env }: Carrier, steps: Steps): Promise<Usage> {
  const before = pid === undefined ? 0 : cpuOfTree(pid)
  let [seconds, cpuSeconds, peakBytes] = [0, 0, 0]
  for (const commands of steps) {
    const used = await runProcesses(commands, { PATH: process.env['PATH'], HOME: '/nonexistent', XDG_RUNTIME_DIR: '/nonexistent', ...env })
    seconds += used.seconds
    cpuSeconds += used.cpuSeconds
    peakBytes = Math.max(peakBytes, used.peakBytes)
  }
  return {
    seconds,
    cpuSeconds: cpuSeconds + (pid === undefined ? 0 : cpuOfTree(pid) - before),
    peakBytes,
    processes: Math.max(...steps.map(({ length }) => length)),
  }
}

function row({ name, pid }: Carrier, out: Usage, bytes: number, into: Usage): readonly string[] {
  const memory = ({ peakBytes, processes }: Usage): string => (pid === undefined ? `${processes} x ${(peakBytes / 1e6).toFixed(0)}` : '')
  const numbers = (used: Usage): string[] => [used.seconds.toFixed(1), used.cpuSeconds.toFixed(1), memory(used)]
  return [name, ...numbers(out), (bytes / 1e6).toFixed(0), ...numbers(into)]
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { scale: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help === true) return console.log(usage)
  const missing = ['docker-registry', 'skopeo', 'dockerd', 'containerd'].filter((name) => findProgram(name) === undefined)
  if (missing.length > 0) throw new Error(`not on PATH: ${missing.join(', ')}. On Debian: sudo scripts/install-test-servers.sh`)
  await using home = await tempDir()
  await using from = await startDockerRegistry()
  const release = await seedRelease(from.url, { scale: Number(values.scale ?? 1), salt: 'bench' })
  const list = await home.write('list.txt', release.list)
  const images = release.images.map(({ repository, tag }) => `${repository}:${tag}`)
  const at = (name: string): string => `${home.path}/${name}`
  const own = (...words: readonly string[]): CommandLine => [process.execPath, program, ...words, '--quiet']
  const bundle = (file: string): Carrier => ({
    name: `k3s-mirror ${file}`,
    files: [at(file)],
    out: [[own('bundle', 'create', at(file), '--images', list, '--from', `docker.io=${from.url}`)]],
    into: (registry) => [[own('bundle', 'push', at(file), '--to', `http://${registry}`)]],
  })
  const skopeo = (...words: readonly string[]): CommandLine => ['skopeo', '--insecure-policy', 'copy', '--all', '--quiet', ...words]
  const archive = (image: string): string => at(`${image.replaceAll(/[/:]/g, '-')}.oci.tar`)
  await using engine = await startDockerEngine()
  await using containerd = await startContainerd()
  const ctr = (...words: readonly string[]): CommandLine => ['ctr', '--address', containerd.socket, ...words]
  const carriers: readonly Carrier[] = [
    bundle('k3s.tar'),
    bundle('k3s.tar.zst'),
    {
      name: 'skopeo copy, oci-archive: each',
      files: images.map(archive),
      out: [
        images.map((image) => skopeo('--src-tls-verify=false', `docker://${from.host}/${image}`, `oci-archive:${archive(image)}:${image}`)),
      ],
      into: (registry) => [
        images.map((image) => skopeo('--dest-tls-verify=false', `oci-archive:${archive(image)}:${image}`, `docker://${registry}/${image}`)),
      ],
    },
    {
      name: 'docker pull and save, one platform',
      pid: engine.pid,
      env: { DOCKER_HOST: engine.host },
      files: [at('docker.tar')],
      out: [
        images.map((image) => ['docker', 'pull', '--quiet', `${from.host}/${image}`]),
        [['docker', 'save', '--output', at('docker.tar'), ...images.map((image) => `${from.host}/${image}`)]],
      ],
      into: (registry) => [
        [['docker', 'load', '--quiet', '--input', at('docker.tar')]],
        images.map((image) => ['docker', 'tag', `${from.host}/${image}`, `${registry}/${image}`]),
        images.map((image) => ['docker', 'push', '--quiet', `${registry}/${image}`]),
      ],
    },
    {
      name: 'ctr content fetch and images export',
      pid: containerd.pid,
      files: [at('ctr.tar')],
      out: [
        images.map((image) => ctr('content', 'fetch', '--all-platforms', '--plain-http', `${from.host}/${image}`)),
        [ctr('images', 'export', '--all-platforms', at('ctr.tar'), ...images.map((image) => `${from.host}/${image}`))],
      ],
      into: (registry) => [
        [ctr('images', 'import', '--all-platforms', '--no-unpack', at('ctr.tar'))],
        images.map((image) => ctr('images', 'push', '--plain-http', `${registry}/${image}`, `${from.host}/${image}`)),
      ],
    },
  ]
  const rows: (readonly string[])[] = [['', 'out s', 'CPU s', 'memory MB', 'file MB', 'in s', 'CPU s', 'memory MB']]
  for (const carrier of carriers) {
    const out = await measure(carrier, carrier.out)
    const sizes = await Promise.all(carrier.files.map(async (file) => (await stat(file)).size))
    await using to = await startDockerRegistry()
    const into = await measure(carrier, carrier.into(to.host))
    rows.push(
      row(
        carrier,
        out,
        sizes.reduce((sum, size) => sum + size, 0),
        into,
      ),
    )
  }
  console.log(
    `Node ${process.version}; ${images.length} images, ${release.blobs.size} blobs, ${(release.bytes / 1e6).toFixed(0)} MB, registries on loopback; CPU with that of daemons, but for the registries'\n`,
  )
  console.log(table(rows))
}

await main()
