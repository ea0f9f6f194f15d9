import { engine } from '../options/engine.ts'
import { option, type CommandDefinition } from '../options/option.ts'
import { output, runOutput } from '../options/output.ts'
import { credentialsHelp, places } from '../options/places.ts'
import { references, selection } from '../options/selection.ts'
import type { PlanFlags } from './plan.ts'

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
    option('--write-registries <file>', 'afterwards write the registries.yaml with which nodes find the images to this file'),
    option('--dry-run', 'the same as plan'),
  ],
  help: credentialsHelp,
}
