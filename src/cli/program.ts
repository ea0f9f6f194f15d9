import { Command, CommanderError } from 'commander'
import { MirrorError } from '../errors.ts'
import { quoted } from '../text/printable.ts'
import { redactUserinfo } from '../text/redact.ts'
import { version } from '../version.ts'
import { startCliProcess, type CliProcess } from './cli-process.ts'
import type { CommandEntry } from './command-entry.ts'
import { commandTable } from './command-table.ts'
import { exitCodes } from './exit-code.ts'
import { helpBelow, helpFormat, helpWidth } from './help.ts'
import { option, type CliOption, type CommandDefinition } from './options/option.ts'

/** The whole command line, ready to parse. */
export interface Program {
  readonly command: Command
  /** The command that arguments were dispatched to last; the program itself at first. */
  readonly current: () => Command
}

/** An image reference with a tag or a digest, which cannot be a file in the wrong place. */
const fullReference = /^(?!oci:|dir:|docker-archive:|oci-archive:)[a-z0-9][^\s]*[:@][^/\s]+$/i

/** What `k3s-mirror` shows in its own help. */
const programDefinition: CommandDefinition = {
  description: 'Mirror the images of K3s releases to private registries, byte for byte.',
  options: [],
  examples: [
    'mirror --release stable --to registry.example.com/mirror',
    'verify --release stable --to registry.example.com/mirror',
    'bundle create k3s.tar.zst --release stable',
  ],
  sections: [
    [
      'Exit codes',
      '0 done, 1 some images failed, 2 invalid input, 3 integrity error, 4 a check found problems, 5 changed (--detailed-exitcode), 6 could not begin, 130 or 143 interrupted',
    ],
    ['Help', 'k3s-mirror <command> --help lists the options of a command.'],
  ],
}

function prepare(command: Command, definition: CommandDefinition): Command {
  const group = definition.options.length === 0 ? 'Options:' : 'Output:'
  return command
    .description(definition.description)
    .addHelpOption(option('-h, --help', 'print help').helpGroup(group))
    .configureHelp(helpFormat)
    .configureOutput({
      // Errors are printed once, in the form that every error has.
      outputError: () => undefined,
      getOutHelpWidth: () => helpWidth(process.stdout),
      getErrHelpWidth: () => helpWidth(process.stderr),
    })
    .addHelpText('after', helpBelow(definition))
    .exitOverride()
}

/** Refuses a second destination, which would be ignored. Of any other option that is given twice the last value wins, so that a script can append to its arguments. */
function refuseTwice(command: Command, one: CliOption): void {
  if (one.flag !== '--to' || one.isRepeatable) return
  let first: string | undefined
  command.on(`option:${one.name()}`, (text: string) => {
    if (first !== undefined && first !== text) {
      const values = [first, text].map((value) => quoted(redactUserinfo(value))).join(' and ')
      throw new MirrorError('USAGE', `--to is given twice: ${values}`, { hint: 'pass one destination; plan and mirror accept several' })
    }
    first = text
  })
}

/** The options of a command, the environment included, once every required one is set. Throws USAGE. */
async function settle(command: Command, { options }: CommandDefinition, cli: CliProcess): Promise<object> {
  const names = Object.keys(process.env)
    .filter((name) => name.startsWith('K3S_MIRROR_') || name.startsWith('INSTALL_K3S_'))
    .toSorted()
  const environment = names.length === 0 ? undefined : await import('./options/environment.ts')
  environment?.applyEnvironment(command, options, process.env)
  const flags = command.opts()
  cli.heed(flags)
  for (const warning of environment?.unknownVariables(names) ?? []) cli.warn(warning)
  const missing = options.find((one) => one.isRequired && flags[one.attributeName()] === undefined)
  if (missing !== undefined) throw new MirrorError('USAGE', `missing required option ${missing.flags}: ${missing.description}`)
  return flags
}

/** Throws USAGE for a file, a release or a layout where the reference of an image is expected. */
async function refuseMisplaced(command: Command): Promise<void> {
  const texts = command.registeredArguments.flatMap((argument, index) => {
    if (argument.name() !== 'reference') return []
    return [command.processedArgs[index]].flat().filter((text): text is string => typeof text === 'string' && !fullReference.test(text))
  })
  if (texts.length > 0) (await import('./files/misplaced-reference.ts')).refuseMisplaced(texts, command)
}

/** The whole command line; the action of a command is loaded when the command runs. */
export function createProgram(cli: CliProcess): Program {
  let current: Command
  const program = prepare(new Command('k3s-mirror'), programDefinition)
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
  current = program
  const printHelp = (path: readonly string[]): void => {
    current = program
    for (const word of path) {
      const next = current.commands.find((command) => command.name() === word)
      if (next === undefined) throw new CommanderError(1, 'commander.unknownCommand', `unknown command '${word}'`)
      current = next
    }
    current.outputHelp()
  }
  const add = (parent: Command, { name, group, definition, load, commands = [] }: CommandEntry): void => {
    const command = prepare(parent.command(name), definition)
    if (group !== undefined) command.helpGroup(`${group}:`)
    for (const [argument, description, value] of definition.arguments ?? []) command.argument(argument, description, value)
    for (const one of definition.options) {
      command.addOption(one)
      refuseTwice(command, one)
    }
    if (name === 'help') command.action(printHelp)
    if (load !== undefined) {
      command.action(async () => {
        const flags = await settle(command, definition, cli)
        await refuseMisplaced(command)
        const run = await load()
        await run(cli, flags as never, ...(command.processedArgs as never[]))
      })
    }
    if (commands.length > 0) command.usage('<command> [options]').hook('preSubcommand', (_, next) => void (current = next))
    for (const child of commands) add(command, child)
  }
  program.hook('preSubcommand', (_, next) => void (current = next))
  for (const entry of commandTable) add(program, entry)
  return { command: program, current: () => current }
}

/** Runs the whole command line, from its arguments to the exit code. */
export async function runProgram(): Promise<void> {
  const cli = startCliProcess()
  const { command, current } = createProgram(cli)
  try {
    await command.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = exitCodes.done
    else if (error instanceof CommanderError && error.code === 'commander.help') process.exitCode = exitCodes.invalidInput
    else await (await import('./failure.ts')).reportFailure(error, current(), cli)
  }
}
