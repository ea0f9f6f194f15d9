import type { Shard } from '../../plan/shard.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { k3sServer, k3sVersion, type K3sOptionFlags } from '../options/k3s.ts'
import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { pipelineOutput, report, type OutputFlags } from '../options/output.ts'
import { credentials, timeout, trustedHosts, type PlaceFlags } from '../options/places.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'
import { shard } from '../options/shard.ts'
import { collect, collectEndpoint, collectList, wholeNumber } from '../options/values.ts'

/** What commander makes of the options of `verify`. */
export interface VerifyFlags extends SelectionFlags, K3sOptionFlags, Omit<PlaceFlags, 'to'>, OutputFlags {
  readonly to?: string
  readonly asNode?: boolean
  readonly deep?: boolean
  readonly expect?: string
  readonly report?: string
  readonly shard?: Shard
}

/** `k3s-mirror verify`. */
export const verifyCommand: CommandDefinition = {
  description: 'check that every image is present and pullable',
  arguments: [references],
  options: [
    ...selection,
    ...shard,
    ...inGroup('Checks', [
      option('--to <destination>', 'check this registry, or oci:<directory>'),
      option('--as-node', 'check what a node with --registries would pull'),
      option('--platform <os/arch>', 'check only these platforms (default: all)', collectList),
      option('--deep', 'read every blob and compare its digest'),
      option('--foreign-layers', 'also check the layers of Windows base images'),
      option('--expect <file>', 'require the digests in this report of mirror --report'),
      option('--from <registry=source>', 'require the digests of this registry at the source', collectEndpoint),
      option('--rewrite <regex=text>', 'names made by mirror --rewrite', collect),
      option('--flatten', 'names made by mirror --flatten'),
    ]),
    ...inGroup('Node', [...k3sServer, ...k3sVersion]),
    ...inGroup('Connection', [
      option('--registries <file>', 'registries.yaml of the node, or of this host').default(
        undefined,
        `with --as-node: ${defaultRegistriesFile}, or that of --node-config`,
      ),
    ]),
    ...trustedHosts,
    ...inGroup('Connection', [
      option('--jobs <n>', 'images checked at once', wholeNumber(1)).default(undefined, '16'),
      option('--retries <n>', 'retries after a failure', wholeNumber(0)).default(undefined, '3'),
    ]),
    ...timeout,
    ...pipelineOutput,
    ...report,
  ],
  examples: ['verify --release stable --to registry.example.com/mirror', 'verify --release stable --as-node --registries registries.yaml'],
  sections: [
    [
      'Digests',
      'A moved tag is a problem where its digest is known: from name:tag@sha256:…, --expect, --from, or from --to with --as-node. With --as-node an image that only its own registry has is a problem too.',
    ],
    ...credentials,
    ['Exit codes', '0 all found, 4 problems found, 2 invalid input, 3 wrong list checksum, 6 the check could not begin, 130 interrupted'],
  ],
}
