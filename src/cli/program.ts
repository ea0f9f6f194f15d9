import { Command } from 'commander'
import { safeLine } from '../text/printable.ts'
import { version } from '../version.ts'
import type { CliProcess } from './cli-process.ts'
import { addBundleCommand } from './commands/bundle.ts'
import { addImagesCommand } from './commands/images.ts'
import { addMirrorCommand } from './commands/mirror.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addRegistriesCommand } from './commands/registries.ts'
import { addServeCommand } from './commands/serve.ts'
import { addVerifyCommand } from './commands/verify.ts'

/** Commander's `error: …`, and on a second line perhaps `(Did you mean …?)`, in the form that every error has. */
function formatUsage(text: string): string {
  const [error = '', ...rest] = text.trim().split('\n').map(safeLine)
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1') || 'k3s-mirror <command> --help lists what can be given.'
  return `${error.replace(/\.$/, '')} (USAGE)\nhint: ${hint}\n`
}

/** The whole command line, its actions bound to a cli. */
export function createProgram(cli: CliProcess): Command {
  const program = new Command('k3s-mirror')
    .description('Copies the images of a K3s release to a private registry: every platform, byte for byte, verified.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(formatUsage(text)) })
  addImagesCommand(program, cli)
  addPlanCommand(program, cli)
  addMirrorCommand(program, cli)
  addVerifyCommand(program, cli)
  addRegistriesCommand(program, cli)
  addBundleCommand(program, cli)
  addServeCommand(program, cli)
  return program
}
