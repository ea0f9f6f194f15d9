import { Command } from 'commander'
import { version } from '../version.ts'
import { addImagesCommand } from './commands/images.ts'
import { addMirrorCommand } from './commands/mirror.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addServeCommand } from './commands/serve.ts'
import type { Session } from './session.ts'

/** The whole command line, its actions bound to a session. */
export function createProgram(session: Session): Command {
  const program = new Command('k3s-mirror')
    .description('Copies the images of a K3s release to a private registry: every platform, byte for byte, verified.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .showHelpAfterError(false)
    .exitOverride()
  addImagesCommand(program, session)
  addPlanCommand(program, session)
  addMirrorCommand(program, session)
  addServeCommand(program, session)
  return program
}
