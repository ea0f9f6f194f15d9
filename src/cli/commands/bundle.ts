import { option, type CommandDefinition } from '../options/option.ts'
import { output, runOutput, type RunFlags } from '../options/output.ts'
import {
  credentialsHelp,
  destination,
  naming,
  platforms,
  sources,
  transfer,
  writeRegistries,
  type PlaceFlags,
  type SourceFlags,
} from '../options/places.ts'
import { archived, archivedName, references, selection, type ArchivedFlags, type SelectionFlags } from '../options/selection.ts'
import { parseSize } from '../options/values.ts'

/** What commander makes of the options of `bundle create`. */
export interface CreateFlags extends SelectionFlags, SourceFlags, RunFlags {
  readonly since?: string
  readonly lock?: string
  readonly splitSize?: number
}

/** `k3s-mirror bundle create`. */
export const bundleCreate: CommandDefinition = {
  description: 'put images into one file, every blob once; an interrupted run goes on where it was',
  arguments: [['<file>', 'the bundle: an OCI layout in a .tar, .tar.zst or .tar.gz, which skopeo and containerd read too'], references],
  options: [
    option('--since <bundle>', 'leave out what this earlier bundle holds, or what its lock file says that it holds'),
    option('--lock <file>', 'write what the bundle holds to a file, for a later --since'),
    option('--split-size <size>', 'split into parts of this size: bytes, or with K, M, G in powers of 1024, as in 4095M', parseSize),
    ...selection,
    ...sources,
    ...platforms,
    ...transfer(),
    ...output,
    ...runOutput,
  ],
  help: credentialsHelp,
}

/** `k3s-mirror bundle info`. */
export const bundleInfo: CommandDefinition = {
  description: 'what is in a bundle, or in an archive of another tool: lists, images, platforms, sizes',
  arguments: [['<file>', 'the bundle or archive']],
  options: [...output, ...archivedName],
}

/** `k3s-mirror bundle check`. */
export const bundleCheck: CommandDefinition = {
  description:
    'read every byte of a bundle, or of an archive of another tool, again and compare the digests; exit code 4 when something is wrong',
  arguments: [['<file>', 'the bundle or archive; of one that is split also a single part']],
  options: [...output, ...archivedName],
}

/** What commander makes of the options of `bundle push`. */
export interface PushFlags extends ArchivedFlags, PlaceFlags, RunFlags {
  readonly writeRegistries?: string
}

/** `k3s-mirror bundle push`. */
export const bundlePush: CommandDefinition = {
  description:
    'copy the images of archives to a registry or a layout, straight out of the files; the platforms of one image come under one tag',
  arguments: [['<file...>', 'bundles, and archives of docker save, ctr images export, skopeo or a K3s release; gzip and zstd too']],
  options: [...archived, ...destination, ...naming, ...transfer(), ...output, ...runOutput, ...writeRegistries],
  help: credentialsHelp,
}

/** What commander makes of the options of `bundle load`. */
export interface LoadFlags extends ArchivedFlags, RunFlags {
  readonly dockerHost?: string
}

/** `k3s-mirror bundle load`. */
export const bundleLoad: CommandDefinition = {
  description: 'load the images of archives into a Docker Engine, for its own platform',
  arguments: [['<file...>', 'what bundle push takes']],
  options: [
    option('--docker-host <address>', "where the Engine is, as in DOCKER_HOST (default: where Docker's own command line finds it)"),
    ...archived,
    ...output,
    ...runOutput,
  ],
}
