import { inGroup, option, type CliOption, type OptionGroup } from './option.ts'

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
  readonly progress?: boolean
}

/** `--quiet` and `--verbose`. */
export const verbosity: OptionGroup = inGroup('Output', [
  option('-q, --quiet', 'print results and errors, but no messages'),
  option('-v, --verbose', 'print each blob and retry, and stack traces'),
])

/** `--output`, with these formats. */
export function outputFormat(...formats: readonly string[]): CliOption {
  return option('-o, --output <format>', 'format of standard output').choices(formats).default('text').helpGroup('Output:')
}

/** The options that almost every command has. */
export const output: OptionGroup = [outputFormat('text', 'json'), ...verbosity]

/** `--report`. */
export const report: OptionGroup = inGroup('Output', [option('--report <file>', 'also write the JSON report to this file')])

/** What commands that copy have in addition. */
export const runOutput: OptionGroup = [
  ...report,
  ...inGroup('Output', [
    option('--events <file|->', 'write each event as a line of JSON (- for stdout)'),
    option('--no-progress', 'print lines instead of progress bars on a terminal'),
  ]),
]
