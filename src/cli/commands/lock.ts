import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { output, report, type OutputFlags } from '../options/output.ts'
import { credentials, sources, sparse, type SourceFlags } from '../options/places.ts'
import { references, unlockedSelection, type SelectionFlags } from '../options/selection.ts'

/** What commander makes of the options of `lock`. */
export interface LockFlags extends Omit<SelectionFlags, 'locked'>, SourceFlags, OutputFlags {
  readonly out?: string
  readonly sparse?: boolean
  readonly report?: string
}

/** `k3s-mirror lock`. */
export const lockCommand: CommandDefinition = {
  description: 'write the digests of images to a lock file',
  arguments: [references],
  options: [
    ...inGroup('Lock', [option('--out <file>', 'the lock file, created or updated (default: standard output)')]),
    ...unlockedSelection,
    ...sources,
    ...sparse,
    ...output,
    ...report,
  ],
  examples: ['lock --release stable --out k3s.lock.yaml', 'lock alpine:3.20 --platform linux/amd64'],
  sections: [
    ...credentials,
    [
      'Exit codes',
      '0 locked, 1 some images could not be read, 2 invalid input, 3 integrity error, 6 the source cannot be used, 130 interrupted',
    ],
  ],
}
