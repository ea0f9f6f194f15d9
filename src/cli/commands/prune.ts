import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { output, report, type OutputFlags } from '../options/output.ts'
import { credentials, logins, renaming, timeout, to, type PlaceFlags } from '../options/places.ts'
import { releaseHosts, type SelectionFlags } from '../options/selection.ts'
import { collect, parseDuration, wholeNumber } from '../options/values.ts'

/** What commander makes of the options of `prune`. */
export interface PruneFlags extends Pick<SelectionFlags, 'artifactUrl' | 'channelUrl'>, PlaceFlags, OutputFlags {
  readonly keep: string[]
  readonly repositories?: string[]
  readonly olderThan?: number
  readonly ignoreMissing?: boolean
  readonly yes?: boolean
  readonly report?: string
}

/** `k3s-mirror prune`. */
export const pruneCommand: CommandDefinition = {
  description: 'remove old tags from a registry or an OCI layout',
  options: [
    ...inGroup('Selection', [
      option('--keep <source>', 'release, channel, image list, bundle, lock or image to keep', collect).makeOptionMandatory(),
      option('--repositories <glob>', 'also remove tags from these repositories below --to', collect),
      option('--older-than <age>', 'only images built before this age, as in 30d or 12h', parseDuration),
      option('--ignore-missing', 'remove although kept images are missing'),
      option('--yes', 'remove (default: print what would be removed)'),
    ]),
    ...releaseHosts,
    ...to,
    ...renaming,
    ...logins,
    ...inGroup('Connection', [
      option('--jobs <n>', 'repositories read at once', wholeNumber(1)).default(undefined, '16'),
      option('--retries <n>', 'retries after a failure', wholeNumber(0)).default(undefined, '3'),
    ]),
    ...timeout,
    ...output,
    ...report,
  ],
  examples: [
    'prune --keep stable --keep v1.36 --to registry.example.com/mirror',
    'prune --keep list.txt --older-than 30d --to oci:site --yes',
  ],
  sections: [
    [
      'Removal',
      'Tags that no --keep names go from the repositories of the kept images, then the manifests that no kept tag reaches. --repositories adds repositories that the kept releases no longer have. Signatures follow their images. A kept tag never loses its digest.',
    ],
    ...credentials,
    [
      'Exit codes',
      '0 done, or a dry run; 1 something could not be removed; 2 invalid input, or a kept image is missing; 3 integrity error; 6 nothing could begin; 130 interrupted',
    ],
  ],
}
