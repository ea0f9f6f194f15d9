import { k3sVersion } from '../options/k3s.ts'
import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { output, type OutputFlags } from '../options/output.ts'
import type { NodeVersion } from '../options/values.ts'

/** `k3s-mirror node`. */
export const node: CommandDefinition = {
  description: 'check what decides which images a node pulls',
  options: [],
  examples: ['node check'],
}

/** What commander makes of the options of `node check`. */
export interface NodeCheckFlags extends OutputFlags {
  readonly root: string
  readonly rke2?: boolean
  readonly k3sVersion?: NodeVersion
}

/** `k3s-mirror node check`. */
export const nodeCheck: CommandDefinition = {
  description: 'compare the files of a node with what K3s would write now',
  options: [
    ...inGroup('Node', [
      option('--root <dir>', 'a copy of the files of a node').default('/'),
      option('--rke2', 'check the paths of RKE2 instead of K3s'),
    ]),
    ...k3sVersion,
    ...output,
  ],
  sections: [
    [
      'Files',
      'config.yaml, the service and its variables, registries.yaml, certs.d, config.toml with templates and drop-ins, and the images directory. Some are readable only by root. Nothing is written.',
    ],
    ['Exit codes', '0 no errors, 4 a finding is an error, 2 the root is not a directory'],
  ],
  examples: ['node check', 'node check --root ./copy-of-node --k3s-version v1.37.1+k3s1', 'node check --rke2 --output json'],
}
