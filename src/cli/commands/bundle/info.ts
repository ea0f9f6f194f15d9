import type { CommandDefinition } from '../../options/option.ts'
import { output } from '../../options/output.ts'
import { archivedName } from '../../options/selection.ts'

/** `k3s-mirror bundle info`. */
export const bundleInfo: CommandDefinition = {
  description: 'what is in a bundle, or in an archive of another tool: lists, images, platforms, sizes',
  arguments: [['<file>', 'the bundle or archive']],
  options: [...output, ...archivedName],
}
