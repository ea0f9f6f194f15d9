import { Command, CommanderError } from 'commander'
import { safeLine } from '../text/printable.ts'
import { version } from '../version.ts'
import { startCliProcess, type CliProcess } from './cli-process.ts'
import { bundleCheck, bundleCreate, bundleInfo, bundleLoad, bundlePush } from './commands/bundle.ts'
import { images, mirrorCommand, plan } from './commands/mirror.ts'
import { registriesGenerate, registriesLint, registriesRender, registriesResolve } from './commands/registries.ts'
import { serve } from './commands/serve.ts'
import { verifyCommand } from './commands/verify.ts'
import { exitCodeOfError, exitCodes } from './exit-code.ts'
import type { CommandDefinition } from './options/option.ts'
import { formatError } from './output/error-text.ts'
import { stylesFor } from './output/styles.ts'

/** What a command does, of its flags and its arguments. */
type Action = (cli: CliProcess, flags: never, ...given: never[]) => Promise<void>

/** Commander's `error: …`, and on a second line perhaps `(Did you mean …?)`, in the form that every error has. */
function formatUsage(text: string): string {
  const [error = '', ...rest] = text.trim().split('\n').map(safeLine)
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1') || 'k3s-mirror <command> --help lists what can be given.'
  return `${error.replace(/\.$/, '')} (USAGE)\nhint: ${hint}\n`
}

/** The whole command line; the action of a command is loaded when the command runs. */
export function createProgram(cli: CliProcess): Command {
  const program = new Command('k3s-mirror')
    .description('Copies the images of a K3s release to a private registry: every platform, byte for byte, verified.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(formatUsage(text)) })
  const add = (parent: Command, name: string, definition: CommandDefinition, load: () => Promise<Action>): void => {
    const command = parent.command(name).description(definition.description)
    for (const [argument, description, value] of definition.arguments ?? []) command.argument(argument, description, value)
    for (const option of definition.options) command.addOption(option)
    if (definition.help !== undefined) command.addHelpText('after', definition.help)
    command.action(async () => {
      const flags = command.opts()
      cli.heed(flags)
      const run = await load()
      await run(cli, flags as never, ...(command.processedArgs as never[]))
    })
  }
  add(program, 'images', images, async () => (await import('./actions/mirror.ts')).runImageList)
  add(program, 'plan', plan, async () => (await import('./actions/mirror.ts')).runPlan)
  add(program, 'mirror', mirrorCommand, async () => (await import('./actions/mirror.ts')).runMirror)
  add(program, 'verify', verifyCommand, async () => (await import('./actions/verify.ts')).runVerify)
  const registries = program.command('registries').description('lint, resolve, render or generate registries.yaml')
  add(registries, 'lint', registriesLint, async () => (await import('./actions/registries/lint.ts')).runLint)
  add(registries, 'resolve', registriesResolve, async () => (await import('./actions/registries/resolve.ts')).runResolve)
  add(registries, 'render', registriesRender, async () => (await import('./actions/registries/render.ts')).runRender)
  add(registries, 'generate', registriesGenerate, async () => (await import('./actions/registries/generate.ts')).runGenerate)
  const bundle = program.command('bundle').description('one file across the air gap: make it, look into it, check it, push it, load it')
  add(bundle, 'create', bundleCreate, async () => (await import('./actions/bundle.ts')).runBundleCreate)
  add(bundle, 'info', bundleInfo, async () => (await import('./actions/bundle.ts')).runBundleInfo)
  add(bundle, 'check', bundleCheck, async () => (await import('./actions/bundle.ts')).runBundleCheck)
  add(bundle, 'push', bundlePush, async () => (await import('./actions/bundle.ts')).runBundlePush)
  add(bundle, 'load', bundleLoad, async () => (await import('./actions/bundle.ts')).runBundleLoad)
  add(program, 'serve', serve, async () => (await import('./actions/serve.ts')).runServe)
  return program
}

/** Runs the whole command line, from its arguments to the exit code. */
export async function runProgram(): Promise<void> {
  const cli = startCliProcess()
  try {
    await createProgram(cli).parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.invalidInput
    else if (cli.stopSignal !== undefined) {
      process.stderr.write(`interrupted by ${cli.stopSignal}\n`)
      process.exitCode = cli.stopSignal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
    } else {
      const verbose = process.argv.includes('--verbose')
      process.stderr.write(formatError(error, { styles: stylesFor(process.stderr, process.env), verbose }))
      process.exitCode = exitCodeOfError(error)
    }
  }
}
