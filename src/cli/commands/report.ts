import type { CommandDefinition } from '../options/option.ts'
import { output, outputFormat, report, verbosity, type OutputFlags } from '../options/output.ts'

/** `k3s-mirror report`. */
export const reportGroup: CommandDefinition = {
  description: 'show or merge the reports of runs',
  options: [],
  examples: ['report show report.json --output junit', 'report merge shard-*.json --report report.json'],
}

/** What commander makes of the options of `report merge`. */
export interface MergeFlags extends OutputFlags {
  readonly report?: string
}

/** `k3s-mirror report merge`. */
export const reportMerge: CommandDefinition = {
  description: 'merge the reports of all shards into one',
  arguments: [['<file...>', 'the report of each shard, from mirror --shard --report']],
  options: [...output, ...report],
  examples: ['report merge shard-*.json --report report.json'],
  sections: [
    ['Exit codes', '0 no image failed, 1 an image failed or was not finished, 2 a report is missing or invalid, 3 integrity refused'],
  ],
}

/** `k3s-mirror report show`. */
export const reportShow: CommandDefinition = {
  description: 'print the report of a run in another format',
  arguments: [['<file>', 'report of mirror, plan, sync, verify, diff or bundle']],
  options: [outputFormat('text', 'json', 'junit', 'markdown'), ...verbosity],
  examples: ['report show report.json --output junit', 'report show report.json --output markdown'],
  sections: [['Exit codes', '0 printed, also the report of a run that failed, 2 a report is missing or invalid']],
}
