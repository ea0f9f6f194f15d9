import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TransferOptions } from '../../connect/clients.ts'
import type { SourceOptions } from '../../connect/sources.ts'
import { MirrorError } from '../../errors.ts'
import type { ImageSelection } from '../../release/select-images.ts'
import type { BatchOptions, ContentOptions, DescribeOptions, MirrorOptions, PlanOptions } from '../../runs/options.ts'
import type { CliProcess } from '../cli-process.ts'
import type { EngineFlags, PlanFlags } from '../commands/mirror.ts'
import { isDocument, type RunFlags } from '../options/output.ts'
import type { PlaceFlags, SourceFlags } from '../options/places.ts'
import type { SelectionFlags } from '../options/selection.ts'

/** Where Docker's CLI keeps its configuration; undefined for a user without a home directory, as in containers. */
export function dockerConfigDirectory(): string | undefined {
  const given = process.env['DOCKER_CONFIG']
  if (given) return given
  try {
    return join(homedir(), '.docker')
  } catch {
    return undefined
  }
}

/** The library's options for the flags that select images. */
export function selectionOptions(references: readonly string[], flags: SelectionFlags): ImageSelection {
  const { release, images, manifest, withUpgradeImages, include, exclude, artifactUrl, channelUrl, listSha256, locked } = flags
  return {
    releases: release,
    images,
    manifests: manifest,
    withUpgradeImages,
    references,
    include,
    exclude,
    artifactUrl,
    channelUrl,
    listSha256,
    locked,
    stdin: process.stdin,
  }
}

/** The files that a selection reads. */
export function selectedFiles({ images = [], manifest = [], locked }: SelectionFlags): readonly (string | undefined)[] {
  return [...images, ...manifest, locked]
}

/** The library's options for the flags about sources; credentials come from files and the environment, never from arguments. */
export function sourceOptions(flags: SourceFlags): SourceOptions & TransferOptions & ContentOptions & BatchOptions {
  const { from, registries, tokenHost, storageHost, platform, foreignLayers, jobs, blobJobs, retries, timeout } = flags
  return {
    from,
    registries,
    tokenHosts: tokenHost,
    storageHosts: storageHost,
    dockerConfig: dockerConfigDirectory(),
    environment: process.env,
    platforms: platform,
    foreignLayers,
    jobs,
    blobJobs,
    retry: retries === undefined ? undefined : { retries },
    timeout: timeout === undefined ? undefined : timeout * 1000,
  }
}

/** The library's options for the flags about both ends; `to` is one destination, or an array. */
export function placeOptions<To>(flags: Omit<PlaceFlags, 'to'> & { readonly to: To }): Omit<PlanOptions, 'to'> & { readonly to: To } {
  const { to, sparse, rewrite, flatten, recheck, ifChanged } = flags
  const naming = { sparse, rewrite, flatten, recheck, ifChanged }
  return { ...sourceOptions(flags), to, destinationCredentials: destinationCredentials(process.env), ...naming }
}

/** The library's options for the report: without a reader of the report, nothing is read for it. */
export function describeOptions({ output, report, events }: RunFlags): DescribeOptions {
  return { describePresent: isDocument(output) || report !== undefined || events !== undefined }
}

/** The credentials of the destination in the environment. Throws USAGE where half of them is set, as a CI job does whose secret is missing. */
export function destinationCredentials(env: NodeJS.ProcessEnv): PlanOptions['destinationCredentials'] {
  const { K3S_MIRROR_USERNAME: username = '', K3S_MIRROR_PASSWORD: password = '' } = env
  if (username === '' && password === '') return undefined
  if (username !== '' && password !== '') return { username, password }
  const [set, unset] = username === '' ? ['PASSWORD', 'USERNAME'] : ['USERNAME', 'PASSWORD']
  throw new MirrorError('USAGE', `K3S_MIRROR_${set} is set, but K3S_MIRROR_${unset} is not`, { hint: 'set both variables, or neither' })
}

/** The library's options for the flags about a Docker Engine. Throws USAGE for one that requires `--via docker`. */
export function engineOptions({ via, dockerHost, keep }: EngineFlags): Pick<MirrorOptions, 'via' | 'dockerHost' | 'keep'> {
  const needless = dockerHost !== undefined ? '--docker-host' : keep === true ? '--keep' : undefined
  if (via !== 'docker' && needless !== undefined) {
    throw new MirrorError('USAGE', `${needless} requires --via docker`, { hint: `pass --via docker, or remove ${needless}` })
  }
  return { via, dockerHost, keep }
}

/** The library's options for the flags of `mirror` and `plan`. */
export function mirrorOptions(
  flags: PlanFlags,
  references: readonly string[],
  { signal }: CliProcess,
): Omit<MirrorOptions, 'to'> & { readonly to: readonly string[] } {
  return {
    ...placeOptions(flags),
    ...engineOptions(flags),
    ...selectionOptions(references, flags),
    ...describeOptions(flags),
    shard: flags.shard,
    signal,
  }
}
