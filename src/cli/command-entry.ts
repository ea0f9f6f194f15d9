import type { CliProcess } from './cli-process.ts'
import type { CommandDefinition } from './options/option.ts'

/** What a command does, with its flags and its arguments. */
export type Action = (cli: CliProcess, flags: never, ...given: never[]) => Promise<void>

/** A command, or a group of commands. */
export interface CommandEntry {
  readonly name: string
  readonly definition: CommandDefinition
  /** The heading in the help of the program. */
  readonly group?: string
  /** Loads what the command does; undefined for a group. */
  readonly load?: () => Promise<Action>
  readonly commands?: readonly CommandEntry[]
}

/** A command with the words that name it. */
export interface NamedCommand extends CommandEntry {
  readonly path: readonly string[]
}

/** Every command and group of a table, each group before its commands. */
export function namedCommands(entries: readonly CommandEntry[], above: readonly string[] = []): readonly NamedCommand[] {
  return entries.flatMap((entry) => {
    const path = [...above, entry.name]
    return [{ ...entry, path }, ...namedCommands(entry.commands ?? [], path)]
  })
}
