import type { Command, CommanderError } from 'commander'
import { MirrorError } from '../errors.ts'
import { editDistance, nearestFirst } from '../oci/nearest.ts'
import { quoted } from '../text/printable.ts'
import { allCommands } from './command-table.ts'
import { foreignCommands, foreignOption } from './options/foreign.ts'

/** Commands that a hint names for an option of theirs. */
const mostOwners = 4

/** The words of a command, without the program. */
export function commandPath(command: Command): readonly string[] {
  return command.parent === null ? [] : [...commandPath(command.parent), command.name()]
}

/** A command line as it is typed in a shell. */
function commandLine(words: readonly string[]): string {
  return ['k3s-mirror', ...words]
    .map((word) => (/^[\w@%+=:,./[\]<>-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ')
}

/** What stands in quotes in a message of commander, and the words that it suggests. */
function readMessage(message: string): { readonly name: string; readonly suggested: string } {
  const [, name = ''] = /'([^']*)'/.exec(message) ?? []
  const [, suggested = ''] = /\(Did you mean (?:one of )?(.*)\?\)/.exec(message) ?? []
  return { name, suggested: suggested.replace(/, (?=[^,]*$)/, ' or ') }
}

function usage(message: string, hint: string): MirrorError {
  return new MirrorError('USAGE', message, { hint })
}

/** The error for a command line that commander has refused. */
export function usageError(error: CommanderError, command: Command): MirrorError {
  const help = `run ${commandLine([...commandPath(command), '--help'])}`
  const { name, suggested } = readMessage(error.message)
  switch (error.code) {
    case 'commander.unknownOption':
      return unknownOption(name, suggested, command)
    case 'commander.unknownCommand':
      return unknownCommand(name, suggested, command)
    case 'commander.missingArgument': {
      const argument = command.registeredArguments.find((one) => one.name() === name)
      const shown = argument?.variadic === true ? `<${name}...>` : `<${name}>`
      const { description = name } = argument ?? {}
      return usage(`missing argument ${shown}: ${description}`, help)
    }
    case 'commander.optionMissingArgument': {
      const [, placeholder = 'value'] = /[<[](.+)[>\]]/.exec(name) ?? []
      const flag = /--[\w-]+/.exec(name)?.[0] ?? name
      return usage(`missing value of ${flag}`, `write ${flag} <${placeholder}>; ${help} lists the options`)
    }
    case 'commander.excessArguments':
      return usage(`too many arguments: expected ${command.registeredArguments.length}, got ${command.args.length}`, help)
    default:
      return usage(error.message.replace(/^error: /, ''), help)
  }
}

function unknownOption(given: string, suggested: string, command: Command): MirrorError {
  // What follows "=", or a short option, may be a password.
  const flag = given.startsWith('--') ? given.replace(/=.*/s, '') : given.slice(0, 2)
  const help = commandLine([...commandPath(command), '--help'])
  const message = `unknown option ${quoted(flag)}`
  if (command.commands.length > 0) {
    const misplaced = beforeCommand(flag, command)
    if (misplaced !== undefined) return misplaced
  }
  const known = new Set(command.options.map(({ long }) => long))
  const hint = foreignOption(flag, known)
  if (hint !== undefined) return usage(message, `${hint}; run ${help}`)
  if (suggested !== '') return usage(message, `Did you mean ${suggested}? Run ${help}`)
  const owners = allCommands().filter(({ load, definition }) => load !== undefined && definition.options.some(({ long }) => long === flag))
  const names = owners.map(({ path }) => path.join(' ')).slice(0, mostOwners)
  return usage(message, names.length === 0 ? `run ${help}` : `${flag} is an option of ${names.join(', ')}; run ${help}`)
}

/** The error for an option that stands before the command it belongs to; undefined where it is not an option of that command. */
function beforeCommand(flag: string, command: Command): MirrorError | undefined {
  const above = commandPath(command)
  const { args } = command
  const at = args.findIndex((word) => command.commands.some((one) => one.name() === word))
  const words = at === -1 ? [] : args.slice(at, at + 2)
  const entry = allCommands().findLast(
    ({ path, load }) => load !== undefined && path.every((word, index) => [...above, ...words][index] === word),
  )
  const hasFlag = ({ definition }: { definition: { options: readonly { long?: string; short?: string }[] } }): boolean =>
    definition.options.some(({ long, short }) => long === flag || short === flag)
  if (entry !== undefined && hasFlag(entry)) {
    const own = entry.path.length - above.length
    const line = commandLine([...entry.path, ...args.slice(0, at), ...args.slice(at + own)])
    return usage(`option ${quoted(flag)} must follow the command ${quoted(entry.path.join(' '))}`, `write ${line}`)
  }
  if (at !== -1) return undefined
  const first = allCommands().find(
    (one) => one.load !== undefined && above.every((word, index) => one.path[index] === word) && hasFlag(one),
  )
  return first && usage(`option ${quoted(flag)} requires a command`, `name a command first, as in ${commandLine([...first.path, ...args])}`)
}

/** The command that is spelled most like a word; empty where none is near. */
function similarCommand(word: string, { commands }: Command): string {
  const [nearest = ''] = nearestFirst(
    word,
    commands.map((one) => one.name()),
  )
  return editDistance(word, nearest) <= word.length / 3 ? nearest : ''
}

function unknownCommand(name: string, suggested: string, command: Command): MirrorError {
  const above = commandPath(command)
  const message = `unknown command ${quoted([...above, name].join(' '))}`
  const similar = suggested === '' ? similarCommand(name, command) : suggested
  const elsewhere = allCommands().filter(({ path }) => path.at(-1) === name)
  const meant =
    elsewhere.length > 0
      ? elsewhere.map(({ path }) => commandLine(path)).join(' or ')
      : similar !== ''
        ? commandLine([...above, similar])
        : Object.hasOwn(foreignCommands, name)
          ? commandLine([foreignCommands[name] ?? ''])
          : undefined
  const help = commandLine([...above, '--help'])
  return usage(message, meant === undefined ? `run ${help}` : `Did you mean ${meant.replaceAll("'", '')}? Run ${help}`)
}
