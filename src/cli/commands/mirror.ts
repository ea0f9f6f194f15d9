import { option, type CommandDefinition, type OptionGroup } from '../options/option.ts'
import { output, report, runOutput, type OutputFlags, type RunFlags } from '../options/output.ts'
import { credentialsHelp, places, writeRegistries, type PlaceFlags } from '../options/places.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'

/** What commander makes of the options of `images`. */
export interface ImagesFlags extends SelectionFlags, OutputFlags {
  readonly registries?: string
}

/** `k3s-mirror images`. */
export const images: CommandDefinition = {
  description: 'print the image list, one reference a line',
  arguments: [references],
  options: [...selection, option('--registries <file>', 'a registries.yaml, whose configs give TLS for every host'), ...output],
}

/** What commander makes of the options about a Docker Engine. */
export interface EngineFlags {
  readonly via?: 'registry' | 'docker'
  readonly dockerHost?: string
  readonly keep?: boolean
}

const engine: OptionGroup = [
  option('--via <path>', 'registry: over HTTP; docker: a Docker Engine pulls, tags and pushes (default: registry)').choices([
    'registry',
    'docker',
  ]),
  option(
    '--docker-host <address>',
    "with --via docker: where the Engine is, as in DOCKER_HOST (default: where Docker's own command line finds it)",
  ),
]

/** What commander makes of the options of `plan`. */
export interface PlanFlags extends SelectionFlags, PlaceFlags, EngineFlags, RunFlags {}

/** `k3s-mirror plan`. */
export const plan: CommandDefinition = {
  description: 'say what would move: images, blobs, bytes, Docker Hub pulls; moves nothing',
  arguments: [references],
  options: [...selection, ...places, ...engine, ...output, ...report],
  help: credentialsHelp,
}

/** What commander makes of the options of `mirror`. */
export interface MirrorFlags extends PlanFlags {
  readonly dryRun?: boolean
  readonly writeRegistries?: string
}

/** `k3s-mirror mirror`. */
export const mirrorCommand: CommandDefinition = {
  description: 'copy the images to the destination',
  arguments: [references],
  options: [
    ...selection,
    ...places,
    ...engine,
    option('--keep', 'with --via docker: leave in the Engine what was pulled'),
    ...output,
    ...runOutput,
    ...writeRegistries,
    option('--dry-run', 'the same as plan'),
  ],
  help: credentialsHelp,
}
