import { MirrorError } from '../../errors.ts'
import { quoted } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import type { CommandEntry } from '../command-entry.ts'
import { shells, type Shell } from '../commands/about.ts'
import { bashCompletion } from '../completion/bash.ts'
import { completedCommands, type CompletedCommand } from '../completion/completed-commands.ts'
import { fishCompletion } from '../completion/fish.ts'
import { zshCompletion } from '../completion/zsh.ts'
import { exitCodes } from '../exit-code.ts'

const scripts: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

/** Prints the completion script of a shell. Throws USAGE for another one. */
export async function runCompletion(cli: CliProcess, given: string, table: readonly CommandEntry[]): Promise<void> {
  const shell = shells.find((name) => name === given)
  if (shell === undefined)
    throw new MirrorError('USAGE', `unsupported shell ${quoted(given)}`, { hint: `pass one of ${shells.join(', ')}` })
  cli.print(scripts[shell](completedCommands(table)))
  cli.exit(exitCodes.done)
}
