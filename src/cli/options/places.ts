import { homedir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import type { SourceOptions } from '../../connect/sources.ts'
import { isForbiddenHost } from '../../http/address.ts'
import { isRegistry } from '../../oci/reference.ts'
import type { CreateBundleOptions } from '../../runs/create-bundle.ts'
import type { PlanOptions } from '../../runs/options.ts'
import { collect, collectList, wholeNumber } from './selection.ts'

/** What commander makes of the options about sources. */
export interface SourceFlags {
  readonly from?: Record<string, string>
  readonly registries?: string
  readonly tokenHost?: string[]
  readonly storageHost?: string[]
  readonly platform?: string[]
  readonly foreignLayers?: boolean
  readonly jobs?: number
  readonly blobJobs?: number
  readonly retries?: number
  readonly timeout?: number
}

/** What commander makes of the options about places and names. */
export interface PlaceFlags extends SourceFlags {
  readonly to: string
  readonly sparse?: boolean
  readonly rewrite?: string[]
  readonly flatten?: boolean
  readonly recheck?: boolean
}

/** Collects `<registry>=<endpoint>` by registry. */
export function collectEndpoint(value: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=')
  if (at < 1 || at === value.length - 1)
    throw new InvalidArgumentError('Write <registry>=<endpoint>, as in docker.io=https://mirror.example.com.')
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) }
}

/** Collects `host` and `host:port`. */
function collectHost(value: string, previous: readonly string[] = []): string[] {
  if (!isRegistry(value))
    throw new InvalidArgumentError('Write host or host:port, without http:// and without a path, as in 10.1.2.3:9000.')
  if (isForbiddenHost(new URL(`http://${value}`).hostname))
    throw new InvalidArgumentError('Link-local and cloud metadata addresses are never asked.')
  return [...previous, value]
}

/** Adds `--token-host` and `--storage-host`: where registries may send us. */
export function addTrustedHosts(command: Command): Command {
  return command
    .option(
      '--token-host <host>',
      "a host of another domain that may see a registry's credentials as its token server; repeatable",
      collectHost,
    )
    .option('--storage-host <host>', 'a private host that a registry may redirect to or upload to; repeatable', collectHost)
}

function addLogins(command: Command): Command {
  return addTrustedHosts(command.option('--registries <file>', 'a registries.yaml, whose configs give TLS and credentials for every host'))
}

/** Adds `--from`, and what the sources are talked to with. */
export function addSources(command: Command): Command {
  return addLogins(
    command.option(
      '--from <registry=endpoint>',
      "read that registry's images from this endpoint; * for every registry; repeatable",
      collectEndpoint,
    ),
  )
}

function addTo(command: Command): Command {
  return command.requiredOption(
    '--to <destination>',
    '[http://|https://]<host>[:port][/prefix], or oci:<directory> for an OCI layout; required',
  )
}

/** Adds `--to`, and what the destination is talked to with, where the source is a file. */
export function addDestination(command: Command): Command {
  return addLogins(addTo(command))
}

/** Adds `--platform` and `--foreign-layers`. */
export function addPlatforms(command: Command): Command {
  return command
    .option(
      '--platform <os/arch[/variant]>',
      'what nodes of these platforms pull, under a new index; repeatable or comma-separated; default: all, byte for byte',
      collectList,
    )
    .option('--foreign-layers', 'copy the layers of Windows base images too, which by default stay where they are')
}

/** Adds how images are named at the destination, and what of it is walked. */
export function addNaming(command: Command): Command {
  return command
    .option(
      '--rewrite <regex=replacement>',
      'rename repositories at the destination, in Go syntax; the first that matches; repeatable',
      collect,
    )
    .option('--flatten', 'keep only the last part of repository names')
    .option('--recheck', 'walk images whose root is there already')
}

/** Adds how much at once, and how patiently. `jobs` says what the default is. */
export function addTransfer(command: Command, jobs = '16'): Command {
  return command
    .option('--jobs <n>', `images at once (default: ${jobs})`, wholeNumber(1))
    .option('--blob-jobs <n>', 'large blobs at once, per registry (default: 6)', wholeNumber(1))
    .option('--retries <n>', 'tries after a failure (default: 7)', wholeNumber(0))
    .addHelpText(
      'after',
      "\nCredentials come from --registries, DOCKER_AUTH_CONFIG, $DOCKER_CONFIG/config.json with its credential helpers, the logins of podman and skopeo ($REGISTRY_AUTH_FILE, containers/auth.json), then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (for the destination).\nPrivate authorities come from the system's trust store, SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, and configs.<host>.tls.ca_file of --registries.",
    )
    .option(
      '--timeout <seconds>',
      'to connect, for an answer, and within which a transfer must move 1 KiB/s (default: 60; to connect 30)',
      wholeNumber(1),
    )
}

/** Adds the options that say where images go and under which names. */
export function addPlaces(command: Command): Command {
  const chosen = addPlatforms(addSources(addTo(command))).option(
    '--sparse',
    'with --platform: keep the original index and leave the other platforms out',
  )
  return addTransfer(addNaming(chosen), '16, and 2 with --via docker')
}

/** Where Docker's CLI keeps its configuration. */
export function dockerConfigDirectory(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker')
}

/** The library's options for the flags about sources; credentials come from files and the environment, never from arguments. */
export function sourceOptions(
  flags: SourceFlags,
): SourceOptions & Pick<CreateBundleOptions, 'platforms' | 'foreignLayers' | 'jobs' | 'blobJobs'> {
  return {
    from: flags.from,
    registries: flags.registries,
    tokenHosts: flags.tokenHost,
    storageHosts: flags.storageHost,
    dockerConfig: dockerConfigDirectory(),
    environment: process.env,
    platforms: flags.platform,
    foreignLayers: flags.foreignLayers,
    jobs: flags.jobs,
    blobJobs: flags.blobJobs,
    retry: flags.retries === undefined ? undefined : { retries: flags.retries },
    timeout: flags.timeout === undefined ? undefined : flags.timeout * 1000,
  }
}

/** The library's options for the flags about both ends. */
export function placeOptions(flags: PlaceFlags): Omit<PlanOptions, 'stdin'> {
  const { K3S_MIRROR_USERNAME: username, K3S_MIRROR_PASSWORD: password } = process.env
  return {
    ...sourceOptions(flags),
    to: flags.to,
    destinationCredentials: username ? { username, password: password ?? '' } : undefined,
    sparse: flags.sparse,
    rewrite: flags.rewrite,
    flatten: flags.flatten,
    recheck: flags.recheck,
  }
}
