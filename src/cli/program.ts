import { Command } from 'commander'
import { safeLine } from '../text/printable.ts'
import { version } from '../version.ts'
import type { CliProcess } from './cli-process.ts'
import { bundleCheck } from './commands/bundle/check.ts'
import { bundleCreate } from './commands/bundle/create.ts'
import { bundleInfo } from './commands/bundle/info.ts'
import { bundleLoad } from './commands/bundle/load.ts'
import { bundlePush } from './commands/bundle/push.ts'
import { images } from './commands/images.ts'
import { mirrorCommand } from './commands/mirror.ts'
import { plan } from './commands/plan.ts'
import { registriesGenerate } from './commands/registries/generate.ts'
import { registriesLint } from './commands/registries/lint.ts'
import { registriesRender } from './commands/registries/render.ts'
import { registriesResolve } from './commands/registries/resolve.ts'
import { serve } from './commands/serve.ts'
import { verifyCommand } from './commands/verify.ts'
import type { CommandDefinition } from './options/option.ts'

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
  const registries = program
    .command('registries')
    .description("judge, explain, render and write registries.yaml, K3s' file about registries")
  add(registries, 'lint', registriesLint, async () => (await import('./actions/registries/lint.ts')).runLint)
  add(registries, 'resolve', registriesResolve, async () => (await import('./actions/registries/resolve.ts')).runResolve)
  add(registries, 'render', registriesRender, async () => (await import('./actions/registries/render.ts')).runRender)
  add(registries, 'generate', registriesGenerate, async () => (await import('./actions/registries/generate.ts')).runGenerate)
  const bundle = program.command('bundle').description('one file across the air gap: make it, look into it, check it, push it, load it')
  add(bundle, 'create', bundleCreate, async () => (await import('./actions/bundle.ts')).runBundleCreate)
  add(bundle, 'info', bundleInfo, async () => (await import('./actions/bundle.ts')).runBundleInfo)
  add(bundle, 'check', bundleCheck, async () => (await import('./actions/bundle.ts')).runBundleCheck)
  add(bundle, 'push', bundlePush, async () => (await import('./actions/bundle.ts')).runBundlePush)
  add(bundle, 'load', bundleLoad, async () => (await import('./actions/bundle-load.ts')).runBundleLoad)
  add(program, 'serve', serve, async () => (await import('./actions/serve.ts')).runServe)
  return program
}
