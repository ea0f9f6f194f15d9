import { InvalidArgumentError, type Command } from 'commander'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { PlaceOptions } from '../../places.ts'
import type { PlanOptions } from '../../plan-options.ts'
import { collect, collectList, wholeNumber } from './selection.ts'

/** What commander makes of the options about places and names. */
export interface PlaceFlags {
  readonly to: string
  readonly from?: Record<string, string>
  readonly registries?: string
  readonly tokenHost?: string[]
  readonly platform?: string[]
  readonly sparse?: boolean
  readonly rewrite?: string[]
  readonly flatten?: boolean
  readonly foreignLayers?: boolean
  readonly recheck?: boolean
  readonly jobs?: number
  readonly blobJobs?: number
  readonly retries?: number
  readonly timeout?: number
}

/** Collects the values of `--from`, by registry. */
export function collectEndpoint(value: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=')
  if (at < 1 || at === value.length - 1)
    throw new InvalidArgumentError('Write <registry>=<endpoint>, as in docker.io=https://mirror.example.com.')
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) }
}

/** Adds `--from` and `--registries`. */
function addSources(command: Command): Command {
  return command
    .option(
      '--from <registry=endpoint>',
      "read that registry's images from this endpoint; * for every registry; repeatable",
      collectEndpoint,
    )
    .option('--registries <file>', 'a registries.yaml, whose configs give TLS and credentials for every host')
    .option(
      '--token-host <host>',
      "a host of another domain that may see a registry's credentials as its token server; repeatable",
      collect,
    )
}

/** Adds the options that say where images go and under which names. */
export function addPlaces(command: Command): Command {
  return addSources(
    command.requiredOption(
      '--to <destination>',
      '[http://|https://]<host>[:port][/prefix], or oci:<directory> for an OCI layout; required',
    ),
  )
    .option(
      '--platform <os/arch[/variant]>',
      'only these platforms, under a new index; repeatable or comma-separated; default: all, byte for byte',
      collectList,
    )
    .option('--sparse', 'with --platform: keep the original index and leave the other platforms out')
    .option(
      '--rewrite <regex=replacement>',
      'rename repositories at the destination, in Go syntax; the first that matches; repeatable',
      collect,
    )
    .option('--flatten', 'keep only the last part of repository names')
    .option('--foreign-layers', 'copy the layers of Windows base images too, which by default stay where they are')
    .option('--recheck', 'walk images whose root is there already')
    .option('--jobs <n>', 'images at once (default: 16, and 2 with --via docker)', wholeNumber(1))
    .option('--blob-jobs <n>', 'large blobs at once, per registry (default: 6)', wholeNumber(1))
    .option('--retries <n>', 'tries after a failure (default: 7)', wholeNumber(0))
    .addHelpText(
      'after',
      '\nCredentials come from --registries, then $DOCKER_CONFIG/config.json and its credential helpers, then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (for the destination).',
    )
    .option('--timeout <seconds>', 'for an answer, and within which a transfer must move 1 KiB/s (default: 60)', wholeNumber(1))
}

/** Where Docker's CLI keeps its configuration. */
function dockerConfigDirectory(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker')
}

/** The library's options for the flags; credentials come from files and the environment, never from arguments. */
export function placeOptions(flags: PlaceFlags): PlaceOptions & Omit<PlanOptions, 'stdin'> {
  const { K3S_MIRROR_USERNAME: username, K3S_MIRROR_PASSWORD: password } = process.env
  return {
    to: flags.to,
    from: flags.from,
    registries: flags.registries,
    tokenHosts: flags.tokenHost,
    dockerConfig: dockerConfigDirectory(),
    destinationCredentials: username ? { username, password: password ?? '' } : undefined,
    environment: process.env,
    platforms: flags.platform,
    sparse: flags.sparse,
    rewrite: flags.rewrite,
    flatten: flags.flatten,
    foreignLayers: flags.foreignLayers,
    recheck: flags.recheck,
    jobs: flags.jobs,
    blobJobs: flags.blobJobs,
    retry: flags.retries === undefined ? undefined : { retries: flags.retries },
    timeout: flags.timeout === undefined ? undefined : flags.timeout * 1000,
  }
}
