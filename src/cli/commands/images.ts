import { option, type CommandDefinition } from '../options/option.ts'
import { output, type OutputFlags } from '../options/output.ts'
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
