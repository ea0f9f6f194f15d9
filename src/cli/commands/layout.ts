import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { output, type OutputFlags } from '../options/output.ts'
import { parseGrace } from '../options/values.ts'

/** `k3s-mirror layout`. */
export const layout: CommandDefinition = {
  description: 'maintain an OCI layout on disk',
  options: [],
  examples: ['layout gc ./site'],
}

/** What commander makes of the options of `layout gc`. */
export interface GcFlags extends OutputFlags {
  readonly dryRun?: boolean
  readonly grace?: number
}

/** `k3s-mirror layout gc`. */
export const layoutGc: CommandDefinition = {
  description: 'remove blobs and manifests that no tag reaches',
  arguments: [['<directory>', 'the layout, also while serve uses it']],
  options: [
    ...inGroup('Collection', [
      option('--dry-run', 'print what would be removed, and remove nothing'),
      option('--grace <duration>', 'keep newer content (default: 0, or --gc-grace of serve)', parseGrace),
    ]),
    ...output,
  ],
  sections: [
    [
      'Kept',
      'what a tag or another entry of index.json reaches, with its signatures and other referrers; uploads that clients can resume; files that are not part of the layout',
    ],
  ],
  examples: ['layout gc ./site --dry-run', 'layout gc ./site', 'layout gc ./site --grace 1h --output json'],
}
