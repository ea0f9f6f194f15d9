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
import { mirror } from './commands/mirror.ts'
import { plan } from './commands/plan.ts'
import { registriesGenerate } from './commands/registries/generate.ts'
import { registriesLint } from './commands/registries/lint.ts'
import { registriesRender } from './commands/registries/render.ts'
import { registriesResolve } from './commands/registries/resolve.ts'
import { serve } from './commands/serve.ts'
import { verify } from './commands/verify.ts'
import type { CommandDefinition } from './options/option.ts'

/** The module of what a command does. */
interface Action {
  readonly run: (cli: CliProcess, flags: never, ...given: never[]) => Promise<void>
}

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
      const { run } = await load()
      await run(cli, flags as never, ...(command.processedArgs as never[]))
    })
  }
  add(program, 'images', images, () => import('./actions/images.ts'))
  add(program, 'plan', plan, () => import('./actions/plan.ts'))
  add(program, 'mirror', mirror, () => import('./actions/mirror.ts'))
  add(program, 'verify', verify, () => import('./actions/verify.ts'))
  const registries = program
    .command('registries')
    .description("judge, explain, render and write registries.yaml, K3s' file about registries")
  add(registries, 'lint', registriesLint, () => import('./actions/registries/lint.ts'))
  add(registries, 'resolve', registriesResolve, () => import('./actions/registries/resolve.ts'))
  add(registries, 'render', registriesRender, () => import('./actions/registries/render.ts'))
  add(registries, 'generate', registriesGenerate, () => import('./actions/registries/generate.ts'))
  const bundle = program.command('bundle').description('one file across the air gap: make it, look into it, check it, push it, load it')
  add(bundle, 'create', bundleCreate, () => import('./actions/bundle/create.ts'))
  add(bundle, 'info', bundleInfo, () => import('./actions/bundle/info.ts'))
  add(bundle, 'check', bundleCheck, () => import('./actions/bundle/check.ts'))
  add(bundle, 'push', bundlePush, () => import('./actions/bundle/push.ts'))
  add(bundle, 'load', bundleLoad, () => import('./actions/bundle/load.ts'))
  add(program, 'serve', serve, () => import('./actions/serve.ts'))
  return program
}
