import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { output, runFormats, runOutput, type RunFlags } from '../options/output.ts'
import { credentials, destinations, sources, writeRegistries, type PlaceFlags, type SourceFlags } from '../options/places.ts'
import { archived, archivedName, references, selection, type ArchivedFlags, type SelectionFlags } from '../options/selection.ts'
import { parseSize } from '../options/values.ts'

/** `k3s-mirror bundle`. */
export const bundle: CommandDefinition = {
  description: 'carry images across an air gap in one file',
  options: [],
  examples: ['bundle create k3s.tar.zst --release stable', 'bundle push k3s.tar.zst --to registry.example.com/mirror'],
}

/** What commander makes of the options of `bundle create`. */
export interface CreateFlags extends SelectionFlags, SourceFlags, RunFlags {
  readonly since?: string
  readonly lock?: string
  readonly splitSize?: number
  readonly forImagesDir?: boolean
}

/** `k3s-mirror bundle create`. */
export const bundleCreate: CommandDefinition = {
  description: 'write images to one file, resuming an interrupted run',
  arguments: [['<file>', 'the bundle: an OCI layout in a .tar, .tar.zst or .tar.gz'], references],
  options: [
    ...inGroup('Bundle', [
      option('--since <bundle>', 'leave out the content of an earlier bundle or lock file'),
      option('--lock <file>', 'write a lock file for a later --since'),
      option('--split-size <size>', 'split into parts of this size, as in 4095M', parseSize),
      option('--for-images-dir', "for K3s' images directory ({arch} in <file>: one per arch)"),
    ]),
    ...selection,
    ...sources,
    ...runFormats,
    ...runOutput,
  ],
  examples: [
    'bundle create k3s.tar.zst --release stable',
    'bundle create arm64.tar.zst --release stable --platform linux/arm64',
    'bundle create update.tar.zst --release latest --since k3s.tar.zst',
    'bundle create k3s.tar.zst --release v1.36 --for-images-dir',
  ],
  sections: credentials,
}

/** `k3s-mirror bundle info`. */
export const bundleInfo: CommandDefinition = {
  description: 'list the images and platforms in a bundle or archive',
  arguments: [['<file>', 'a bundle, or an archive of another tool']],
  options: [...archivedName, ...output],
  examples: ['bundle info k3s.tar.zst'],
}

/** `k3s-mirror bundle check`. */
export const bundleCheck: CommandDefinition = {
  description: 'read a bundle or archive and compare every digest',
  arguments: [['<file>', 'a bundle, a part of one, or an archive of another tool']],
  options: [...archivedName, ...output],
  examples: ['bundle check k3s.tar.zst'],
  sections: [['Exit codes', '0 the bundle is intact, 4 problems found, 2 invalid input']],
}

/** What commander makes of the options of `bundle push`. */
export interface PushFlags extends ArchivedFlags, PlaceFlags, RunFlags {
  readonly writeRegistries?: string
}

/** `k3s-mirror bundle push`. */
export const bundlePush: CommandDefinition = {
  description: 'copy images of archives to a registry or an OCI layout',
  arguments: [['<file...>', 'bundles, or archives of Docker, containerd, skopeo or K3s']],
  options: [...archived, ...destinations, ...runFormats, ...runOutput, ...writeRegistries],
  examples: ['bundle push k3s.tar.zst --to registry.example.com/mirror', 'bundle push k3s-airgap-images-amd64.tar.zst --to localhost:5000'],
  sections: credentials,
}

/** What commander makes of the options of `bundle load`. */
export interface LoadFlags extends ArchivedFlags, RunFlags {
  readonly dockerHost?: string
}

/** `k3s-mirror bundle load`. */
export const bundleLoad: CommandDefinition = {
  description: 'load images of archives into a Docker Engine',
  arguments: [['<file...>', 'bundles, or archives of Docker, containerd, skopeo or K3s']],
  options: [
    ...inGroup('Destination', [option('--docker-host <address>', 'address of the Engine').default(undefined, 'DOCKER_HOST')]),
    ...archived,
    ...runFormats,
    ...runOutput,
  ],
  examples: ['bundle load k3s.tar.zst'],
}
