import { option, type OptionGroup } from './option.ts'

/** What commander makes of the options about output. */
export interface OutputFlags {
  readonly output?: string
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** The same of a command that copies. */
export interface RunFlags extends OutputFlags {
  readonly report?: string
  readonly events?: string
}

/** The options that almost every command has. */
export const output: OptionGroup = [
  option('--output <format>', 'what standard output carries').choices(['text', 'json']).default('text'),
  option('--quiet', 'only errors on standard error'),
  option('--verbose', 'retries and single blobs too, and stack traces'),
]

/** `--report`. */
export const report: OptionGroup = [option('--report <file>', 'write the JSON report to this file too')]

/** `--report` and `--events`, for commands that copy. */
export const runOutput: OptionGroup = [
  ...report,
  option('--events <file or ->', 'write every event as a line of JSON; - is standard output'),
]
