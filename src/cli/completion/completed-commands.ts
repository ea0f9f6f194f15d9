import { namedCommands, type CommandEntry } from '../command-entry.ts'
import { shells } from '../commands/about.ts'
import { option, type CliOption } from '../options/option.ts'

/** What a shell offers for a value. */
export type ValueKind = 'none' | 'file' | 'directory' | 'text' | readonly string[]

/** An option as a shell completes it. */
export interface CompletedOption {
  readonly long: string
  readonly short: string | undefined
  readonly description: string
  readonly isRepeatable: boolean
  /** `none` for a switch. */
  readonly value: ValueKind
}

/** A name that a shell offers. */
export interface CompletedName {
  readonly name: string
  readonly description: string
}

/** A command as a shell completes it; the program itself has an empty path. */
export interface CompletedCommand {
  /** As in `/bundle/push`. */
  readonly path: string
  readonly commands: readonly CompletedName[]
  readonly options: readonly CompletedOption[]
  readonly argument: ValueKind
}

function kindOf(placeholder: string | undefined): ValueKind {
  if (placeholder === undefined) return 'none'
  if (/\bdir(?:ectory)?\b/.test(placeholder)) return 'directory'
  return /file|bundle|path|place|layout|^source/.test(placeholder) ? 'file' : 'text'
}

function completedOption({ flag, short, description, isRepeatable, argChoices, placeholder }: CliOption): CompletedOption {
  return { long: flag, short, description, isRepeatable, value: argChoices ?? kindOf(placeholder) }
}

function kindOfArguments(definitions: readonly (readonly [name: string, ...rest: unknown[]])[]): ValueKind {
  const names = definitions.map(([name]) => name)
  if (names.some((name) => name.includes('shell'))) return shells
  return names.map(kindOf).find((kind) => kind === 'file' || kind === 'directory') ?? 'text'
}

const help = completedOption(option('-h, --help', 'print help'))

/** The program and all of its commands; what follows `help` counts as commands below it. */
export function completedCommands(table: readonly CommandEntry[]): readonly CompletedCommand[] {
  const names = (entries: readonly CommandEntry[]): readonly CompletedName[] =>
    entries.map(({ name, definition }) => ({ name, description: definition.description }))
  const version = completedOption(option('-V, --version', 'print the version'))
  const program: CompletedCommand = { path: '', commands: names(table), options: [version, help], argument: 'text' }
  const commands = namedCommands(table).map(({ path, definition, commands: children = [] }) => ({
    path: `/${path.join('/')}`,
    commands: names(path[0] === 'help' ? table : children),
    options: [...definition.options.map(completedOption), help],
    argument: kindOfArguments(definition.arguments ?? []),
  }))
  const helped = table
    .filter(({ commands: children = [] }) => children.length > 0)
    .map(({ name, commands: children = [] }) => ({
      path: `/help/${name}`,
      commands: names(children),
      options: [],
      argument: 'text' as const,
    }))
  return [program, ...commands, ...helped]
}
