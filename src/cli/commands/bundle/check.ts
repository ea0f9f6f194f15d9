import type { CommandDefinition } from '../../options/option.ts'
import { output } from '../../options/output.ts'
import { archivedName } from '../../options/selection.ts'

/** `k3s-mirror bundle check`. */
export const bundleCheck: CommandDefinition = {
  description:
    'read every byte of a bundle, or of an archive of another tool, again and compare the digests; exit code 4 when something is wrong',
  arguments: [['<file>', 'the bundle or archive; of one that is split also a single part']],
  options: [...output, ...archivedName],
}
