import { Option, type Command } from 'commander'
import type { Verbosity } from '../output/event-lines.ts'

/** What commander makes of the options about output. */
export interface OutputFlags {
  readonly output: 'text' | 'json'
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly report?: string
  readonly events?: string
}

/** Adds the options that every command has. */
export function addOutput(command: Command): Command {
  return command
    .addOption(new Option('--output <format>', 'what standard output carries').choices(['text', 'json']).default('text'))
    .option('--quiet', 'only errors on standard error')
    .option('--verbose', 'retries and single blobs too, and stack traces')
}

/** Adds `--report` and `--events`, for commands that take a while. */
export function addRunOutput(command: Command): Command {
  return command
    .option('--report <file>', 'write the JSON report to this file too')
    .option('--events <file or ->', 'write every event as a line of JSON; - is standard output')
}

/** How much is said. */
export function verbosity({ quiet, verbose }: OutputFlags): Verbosity {
  return quiet === true ? 'quiet' : verbose === true ? 'verbose' : 'normal'
}
