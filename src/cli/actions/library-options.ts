import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TransferOptions } from '../../connect/clients.ts'
import type { SourceOptions } from '../../connect/sources.ts'
import { MirrorError } from '../../errors.ts'
import type { K3sFlags } from '../../registries-yaml/hosts/host-table.ts'
import type { ImageSelection } from '../../release/select-images.ts'
import type { BatchOptions, ContentOptions, MirrorOptions, PlanOptions } from '../../runs/options.ts'
import type { EngineFlags } from '../commands/mirror.ts'
import type { K3sOptionFlags } from '../options/k3s.ts'
import type { PlaceFlags, SourceFlags } from '../options/places.ts'
import type { SelectionFlags } from '../options/selection.ts'

/** Where Docker's CLI keeps its configuration. */
export function dockerConfigDirectory(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker')
}

/** The library's options for the flags that say which images are meant. */
export function selectionOptions(references: readonly string[], flags: SelectionFlags): ImageSelection {
  const { release, images, include, exclude, artifactUrl, channelUrl, listSha256 } = flags
  return { releases: release, images, references, include, exclude, artifactUrl, channelUrl, listSha256, stdin: process.stdin }
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

/** The library's options for the flags about both ends. */
export function placeOptions(flags: PlaceFlags): PlanOptions {
  const { to, sparse, rewrite, flatten, recheck } = flags
  const { K3S_MIRROR_USERNAME: username, K3S_MIRROR_PASSWORD: password } = process.env
  const destinationCredentials = username ? { username, password: password ?? '' } : undefined
  return { ...sourceOptions(flags), to, destinationCredentials, sparse, rewrite, flatten, recheck }
}

/** The library's options for the flags about a Docker Engine. Throws USAGE for one that needs an Engine where none is used. */
export function engineOptions({ via, dockerHost, keep }: EngineFlags): Pick<MirrorOptions, 'via' | 'dockerHost' | 'keep'> {
  const needless = dockerHost !== undefined ? '--docker-host' : keep === true ? '--keep' : undefined
  if (via !== 'docker' && needless !== undefined) {
    throw new MirrorError('USAGE', `${needless} is about a Docker Engine, and none is used`, { hint: 'Add --via docker, or leave it out.' })
  }
  return { via, dockerHost, keep }
}

/** The library's flags for those of K3s. */
export function k3sFlags({ disableDefaultRegistryEndpoint, embeddedRegistry }: K3sOptionFlags): K3sFlags {
  return { disableDefaultEndpoint: disableDefaultRegistryEndpoint, embeddedRegistry }
}
