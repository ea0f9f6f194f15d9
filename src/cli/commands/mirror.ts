import type { Shard } from '../../plan/shard.ts'
import { inGroup, option, type CommandDefinition, type OptionGroup } from '../options/option.ts'
import { output, report, runFormats, runOutput, type OutputFlags, type RunFlags } from '../options/output.ts'
import { credentials, places, writeRegistries, type PlaceFlags } from '../options/places.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'
import { shard } from '../options/shard.ts'

/** What commander makes of the options of `images`. */
export interface ImagesFlags extends SelectionFlags, OutputFlags {
  readonly registries?: string
}

/** `k3s-mirror images`. */
export const images: CommandDefinition = {
  description: 'print the image list, one reference a line',
  arguments: [references],
  options: [
    ...selection,
    ...inGroup('Connection', [option('--registries <file>', 'registries.yaml with TLS and credentials of hosts')]),
    ...output,
  ],
  examples: ['images --release stable', 'images --release v1.37.1+k3s1 --exclude "*traefik*"'],
}

/** What commander makes of the options about a Docker Engine. */
export interface EngineFlags {
  readonly via?: 'registry' | 'docker'
  readonly dockerHost?: string
  readonly keep?: boolean
}

const engine: OptionGroup = inGroup('Docker Engine', [
  option('--via <path>', 'copy over HTTP, or pull and push with a Docker Engine')
    .choices(['registry', 'docker'])
    .default(undefined, 'registry'),
  option('--docker-host <address>', 'with --via docker: address of the Engine').default(undefined, 'DOCKER_HOST'),
])

/** What commander makes of the options of `plan`. */
export interface PlanFlags extends SelectionFlags, Omit<PlaceFlags, 'to'>, EngineFlags, RunFlags {
  readonly to: readonly string[]
  readonly shard?: Shard
}

/** `k3s-mirror plan`. */
export const plan: CommandDefinition = {
  description: 'show what a mirror would copy, without copying',
  arguments: [references],
  options: [...selection, ...shard, ...places, ...engine, ...runFormats, ...report],
  examples: ['plan --release stable --to registry.example.com/mirror'],
  sections: credentials,
}

/** What commander makes of the options of `mirror`. */
export interface MirrorFlags extends PlanFlags {
  readonly dryRun?: boolean
  readonly writeRegistries?: string
}

/** `k3s-mirror mirror`. */
export const mirrorCommand: CommandDefinition = {
  description: 'copy images to a registry or an OCI layout',
  arguments: [references],
  options: [
    ...selection,
    ...shard,
    ...places,
    ...engine,
    ...inGroup('Docker Engine', [option('--keep', 'with --via docker: keep the pulled images in the Engine')]),
    ...runFormats,
    ...runOutput,
    ...writeRegistries,
    ...inGroup('Output', [option('--dry-run', 'same as plan: copy nothing, write only --report')]),
  ],
  examples: [
    'mirror --release stable --to registry.example.com/mirror',
    'mirror --release stable --to a.example.com --to oci:site',
    'mirror --images list.txt --platform linux/amd64 --to oci:site',
    'mirror --images list.txt --shard 2/4 --to registry.example.com',
    'mirror alpine:3.20 --from docker.io=cache.example --to oci:site',
  ],
  sections: credentials,
}
