import { k3sServer, k3sVersion, registriesFile, type K3sOptionFlags } from '../../options/k3s.ts'
import type { CommandDefinition } from '../../options/option.ts'
import { output, type OutputFlags } from '../../options/output.ts'

/** What commander makes of the options of `registries resolve`. */
export interface ResolveFlags extends K3sOptionFlags, OutputFlags {
  readonly registries: string
}

/** `k3s-mirror registries resolve`. */
export const registriesResolve: CommandDefinition = {
  description: 'the endpoints that a node asks for an image, in order, with credentials and TLS, and why',
  arguments: [['<reference...>', 'images as pods name them']],
  options: [...registriesFile, ...k3sServer, ...k3sVersion, ...output],
}
