import { startDockerRegistry, type DockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy, type FaultProxy, type FaultRule } from '../servers/fault-proxy.ts'
import { runCli, startCli, type CliOptions, type CliResult, type RunningCli } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, type ReleaseOptions, type SeededRelease } from '../servers/seed-release.ts'

/** What stands between the two registries. */
export interface TwoRegistriesOptions extends ReleaseOptions {
  readonly sourceRule?: FaultRule
  readonly destinationRule?: FaultRule
}

/** A registry with a release, an empty one, and a counting proxy before each. */
export interface TwoRegistries extends AsyncDisposable {
  readonly release: SeededRelease
  readonly from: DockerRegistry
  readonly to: DockerRegistry
  readonly source: FaultProxy
  readonly destination: FaultProxy
  /** `mirror` of the whole release to the prefix `mirror`, through the proxies; the list is read from standard input. */
  readonly args: readonly string[]
  /** Runs `mirror` with more arguments. */
  mirror(more?: readonly string[], options?: CliOptions): Promise<CliResult>
  /** Starts `mirror` with more arguments, for tests that end it early. */
  start(more?: readonly string[], options?: CliOptions): Promise<RunningCli>
}

/** Starts two docker-registries and seeds the first with a release. */
export async function twoRegistries(options: TwoRegistriesOptions = {}): Promise<TwoRegistries> {
  const release = makeRelease(options)
  const [from, to] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
  await pushRelease(from.url, release)
  const [source, destination] = await Promise.all([faultProxy(from.url, options.sourceRule), faultProxy(to.url, options.destinationRule)])
  const args = ['mirror', '--images', '-', '--from', `docker.io=${source.url}`, '--to', `${destination.url}/mirror`]
  return {
    release,
    from,
    to,
    source,
    destination,
    args,
    mirror: (more = [], run = {}) => runCli([...args, ...more], { stdin: release.list, ...run }),
    start: (more = [], run = {}) => startCli([...args, ...more], { stdin: release.list, ...run }),
    async [Symbol.asyncDispose]() {
      await Promise.all([source, destination, from, to].map((server) => server[Symbol.asyncDispose]()))
    },
  }
}
