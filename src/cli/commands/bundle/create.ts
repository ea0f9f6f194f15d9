import { option, type CommandDefinition } from '../../options/option.ts'
import { output, runOutput, type RunFlags } from '../../options/output.ts'
import { credentialsHelp, platforms, sources, transfer, type SourceFlags } from '../../options/places.ts'
import { references, selection, type SelectionFlags } from '../../options/selection.ts'
import { parseSize } from '../../options/values.ts'

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
