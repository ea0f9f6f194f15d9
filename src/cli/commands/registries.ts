import type { Command } from 'commander'
import type { Session } from '../session.ts'
import { addGenerateCommand } from './registries/generate.ts'
import { addLintCommand } from './registries/lint.ts'
import { addRenderCommand } from './registries/render.ts'
import { addResolveCommand } from './registries/resolve.ts'

/** Adds `k3s-mirror registries` with its commands. */
export function addRegistriesCommand(program: Command, session: Session): void {
  const parent = program.command('registries').description("judge, explain, render and write registries.yaml, K3s' file about registries")
  addLintCommand(parent, session)
  addResolveCommand(parent, session)
  addRenderCommand(parent, session)
  addGenerateCommand(parent, session)
}
