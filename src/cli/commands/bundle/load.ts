import { option, type CommandDefinition } from '../../options/option.ts'
import { output, runOutput, type RunFlags } from '../../options/output.ts'
import { archived, type ArchivedFlags } from '../../options/selection.ts'

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
