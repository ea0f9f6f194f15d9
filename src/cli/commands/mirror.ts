import type { Command } from 'commander'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import { addEngine, addKeep, engineOptions, type EngineFlags } from '../options/engine.ts'
import { refuseSharedFiles } from '../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../options/output.ts'
import { addPlaces, placeOptions, type PlaceFlags } from '../options/places.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import { runPlan } from './plan.ts'
import type { NodesWriter } from './registries/write-for-nodes.ts'
import { openRunOutput } from './run-output.ts'

type MirrorFlags = SelectionFlags &
  PlaceFlags &
  EngineFlags &
  OutputFlags & { readonly dryRun?: boolean; readonly writeRegistries?: string }

/** The writer of `--write-registries`, loaded where it is asked for. */
async function openNodes(flags: MirrorFlags, cli: CliProcess): Promise<NodesWriter | undefined> {
  if (flags.writeRegistries === undefined) return undefined
  const { openNodesWriter } = await import('./registries/write-for-nodes.ts')
  return openNodesWriter(flags.writeRegistries, flags, cli)
}

async function runMirror(references: readonly string[], flags: MirrorFlags, cli: CliProcess): Promise<void> {
  await refuseSharedFiles([flags.report, flags.events, flags.writeRegistries], [...(flags.images ?? []), flags.registries])
  const writeNodes = await openNodes(flags, cli)
  const output = await openRunOutput(flags, cli)
  const options = { ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(references, flags), signal: cli.signal }
  const { mirror } = await import('../../runs/mirror.ts')
  const report = await output.follow(mirror(options))
  const nodes = await writeNodes?.(report)
  output.print(report)
  if (nodes !== undefined) {
    if (output.hasSummary) cli.print(`${safeLine(nodes)}\n`)
    else cli.note(nodes, flags)
  }
  await output.finish(report)
}

/** Adds `k3s-mirror mirror`. */
export function addMirrorCommand(program: Command, cli: CliProcess): void {
  const command = program.command('mirror').description('copy the images to the destination')
  addRunOutput(addOutput(addKeep(addEngine(addPlaces(addSelection(command))))))
    .option('--write-registries <file>', 'afterwards write the registries.yaml with which nodes find the images to this file')
    .option('--dry-run', 'the same as plan')
    .action((references: string[], flags: MirrorFlags) => {
      if (flags.dryRun !== true) return runMirror(references, flags, cli)
      if (flags.writeRegistries !== undefined) cli.note(`${flags.writeRegistries} is not written: nothing is moved`, flags)
      return runPlan(references, flags, cli)
    })
}
