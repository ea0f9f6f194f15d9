import type { Command } from 'commander'
import type { CliProcess } from '../cli-process.ts'
import { addGenerateCommand } from './registries/generate.ts'
import { addLintCommand } from './registries/lint.ts'
import { addRenderCommand } from './registries/render.ts'
import { addResolveCommand } from './registries/resolve.ts'

/** Adds `k3s-mirror registries` with its commands. */
export function addRegistriesCommand(program: Command, cli: CliProcess): void {
  const parent = program.command('registries').description("judge, explain, render and write registries.yaml, K3s' file about registries")
  addLintCommand(parent, cli)
  addResolveCommand(parent, cli)
  addRenderCommand(parent, cli)
  addGenerateCommand(parent, cli)
}
