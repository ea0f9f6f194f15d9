import type { Command } from 'commander'
import type { CliProcess } from '../cli-process.ts'
import { addBundleCheckCommand } from './bundle/check.ts'
import { addBundleCreateCommand } from './bundle/create.ts'
import { addBundleInfoCommand } from './bundle/info.ts'
import { addBundleLoadCommand } from './bundle/load.ts'
import { addBundlePushCommand } from './bundle/push.ts'

/** Adds `k3s-mirror bundle` with its commands. */
export function addBundleCommand(program: Command, cli: CliProcess): void {
  const parent = program.command('bundle').description('one file across the air gap: make it, look into it, check it, push it, load it')
  addBundleCreateCommand(parent, cli)
  addBundleInfoCommand(parent, cli)
  addBundleCheckCommand(parent, cli)
  addBundlePushCommand(parent, cli)
  addBundleLoadCommand(parent, cli)
}
