import { inGroup, option, type CliOption, type OptionGroup } from './option.ts'

/** What commander makes of the options about output. */
export interface OutputFlags {
  readonly output?: string
  readonly quiet?: boolean
  readonly verbose?: boolean
  /** Where the command has `--annotate`. */
  readonly annotate?: AnnotationStyle
}

/** The same of a command that copies. */
export interface RunFlags extends OutputFlags {
  readonly report?: string
  readonly events?: string
  readonly progress?: boolean
  readonly detailedExitcode?: boolean
}

/** The pipelines whose form of annotations is known. */
export type AnnotationStyle = 'github' | 'gitlab'

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

/** True for a format that is a document, which is printed whole even with `--quiet`. */
export function isDocument(output: string | undefined): boolean {
  return output !== undefined && output !== 'text'
}

/** `--annotate`. */
const annotate: OptionGroup = inGroup('Output', [
  option('--annotate <pipeline>', 'mark problems in the job log').choices(['github', 'gitlab']),
])

/** `--output`, with every format that pipelines read, and what belongs to it. */
export const pipelineOutput: OptionGroup = [outputFormat('text', 'json', 'junit', 'markdown'), ...verbosity, ...annotate]

/** The output of `registries lint`, which code scanning reads too. */
export const lintOutput: OptionGroup = [outputFormat('text', 'json', 'junit', 'markdown', 'sarif'), ...verbosity, ...annotate]

/** The output of commands that copy, or plan to. */
export const runFormats: OptionGroup = [
  ...pipelineOutput,
  ...inGroup('Output', [option('--detailed-exitcode', 'exit with 5 if something changed')]),
]

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
