import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { pipelineOutput, report, type OutputFlags } from '../options/output.ts'
import { credentials, timeout, trustedHosts, type SourceFlags } from '../options/places.ts'
import { filters, releaseHosts, type SelectionFlags } from '../options/selection.ts'
import { collect, collectEndpoint, collectList, wholeNumber } from '../options/values.ts'

/** What commander makes of the options of `diff`. */
export interface DiffFlags extends Omit<SelectionFlags, 'listSha256'>, Omit<SourceFlags, 'blobJobs'>, OutputFlags {
  readonly sparse?: boolean
  readonly rewrite?: string[]
  readonly flatten?: boolean
  readonly namesOnly?: boolean
  readonly exitCode?: boolean
  readonly detailedExitcode?: boolean
  readonly report?: string
}

/** `k3s-mirror diff`. */
export const diffCommand: CommandDefinition = {
  description: 'compare two releases, lists, bundles or destinations',
  arguments: [
    ['<a>', 'release, channel, list, bundle, lock file or destination'],
    ['<b>', 'the other side, in the same forms'],
  ],
  options: [
    ...inGroup('Comparison', [
      option('--names-only', 'compare only the names in the lists, not the contents'),
      option('--exit-code', 'exit with 5 if there are differences'),
      option('--detailed-exitcode', 'the same as --exit-code'),
    ]),
    ...filters,
    ...inGroup('Selection', [
      option('--release <tag|channel>', 'images to compare of two registries', collect),
      option('--images <source>', 'the same: text list, bundle, lock file or oci:<dir>', collect),
    ]),
    ...releaseHosts,
    ...inGroup('Source', [
      option('--from <registry=source>', 'read this registry (* for all) from an endpoint or oci:<dir>', collectEndpoint),
      option('--platform <os/arch>', 'compare only these platforms (default: all)', collectList),
      option('--sparse', 'with --platform: sizes for mirror --sparse'),
      option('--foreign-layers', 'also count the layers of Windows base images'),
    ]),
    ...inGroup('Destination', [
      option('--rewrite <regex=text>', 'names made by mirror --rewrite', collect),
      option('--flatten', 'names made by mirror --flatten'),
    ]),
    ...inGroup('Connection', [option('--registries <file>', 'registries.yaml with TLS and credentials of hosts')]),
    ...trustedHosts,
    ...inGroup('Connection', [
      option('--jobs <n>', 'images read at once', wholeNumber(1)).default(undefined, '16'),
      option('--retries <n>', 'retries after a failure', wholeNumber(0)).default(undefined, '7'),
    ]),
    ...timeout,
    ...pipelineOutput,
    ...report,
  ],
  examples: ['diff v1.36.3+k3s1 stable', 'diff registry.example.com/mirror stable --exit-code', 'diff k3s.tar.zst v1.36 --output markdown'],
  sections: [
    [
      'Sides',
      'release tag (v1.37.1+k3s1) or channel (stable, v1.36); file or URL of a list, bundle, archive or lock file (- for stdin); oci:<directory>; [http[s]://]host[:port][/prefix]. An existing file counts before a channel and a host. Write release:, images: or registry: before a name to choose how it is read.',
    ],
    ['Bytes', 'what mirror copies to a destination that holds a. For a registry or a layout, what it copies there now.'],
    ...credentials,
    [
      'Exit codes',
      '0 compared, 1 some images could not be compared, 2 invalid input, 3 integrity error, 5 different (with --exit-code), 6 a side cannot be used, 130 interrupted',
    ],
  ],
}
