import type { Command } from 'commander'
import { mirror } from '../../mirror.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { createRenderer } from '../output/create-renderer.ts'
import { eventsNdjson, formatJson } from '../output/events-ndjson.ts'
import { safeLine } from '../output/safe-text.ts'
import { stylesFor } from '../output/styles.ts'
import { formatSummary } from '../output/summary.ts'
import { addEngine, addKeep, engineOptions, type EngineFlags } from '../options/engine.ts'
import { openEvents, openReport, refuseSharedFiles } from '../options/output-files.ts'
import { addOutput, addRunOutput, verbosity, type OutputFlags } from '../options/output.ts'
import { addPlaces, placeOptions, type PlaceFlags } from '../options/places.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import type { Session } from '../session.ts'
import { runPlan } from './plan.ts'
import type { NodesWriter } from './registries/write-for-nodes.ts'

type MirrorFlags = SelectionFlags &
  PlaceFlags &
  EngineFlags &
  OutputFlags & { readonly dryRun?: boolean; readonly writeRegistries?: string }

/** The writer of `--write-registries`, loaded where it is asked for. */
async function openNodes(flags: MirrorFlags, session: Session): Promise<NodesWriter | undefined> {
  if (flags.writeRegistries === undefined) return undefined
  const { openNodesWriter } = await import('./registries/write-for-nodes.ts')
  return openNodesWriter(flags.writeRegistries, flags, session)
}

async function runMirror(references: readonly string[], flags: MirrorFlags, session: Session): Promise<void> {
  await refuseSharedFiles([flags.report, flags.events, flags.writeRegistries], [...(flags.images ?? []), flags.registries])
  const writeNodes = await openNodes(flags, session)
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const events = flags.events === undefined ? undefined : await openEvents(flags.events)
  const renderers = [
    await createRenderer(process.stderr, { env: process.env, verbosity: verbosity(flags) }),
    ...(events ? [eventsNdjson(events.output)] : []),
  ]
  const run = mirror({ ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(references, flags), signal: session.signal })
  try {
    for await (const event of run) for (const renderer of renderers) renderer.event(event)
  } finally {
    for (const renderer of renderers) renderer.end()
  }
  const report = await run.report
  const nodes = await writeNodes?.(report)
  const hasSummary = flags.output !== 'json' && flags.quiet !== true && flags.events !== '-'
  if (flags.output === 'json') session.print(`${formatJson(report)}\n`)
  else if (hasSummary) session.print(formatSummary(report, stylesFor(process.stdout, process.env)))
  if (nodes !== undefined) {
    if (hasSummary) session.print(`${safeLine(nodes)}\n`)
    else session.note(nodes, flags)
  }
  session.exit(exitCodeOfReport(report, session.stopSignal))
  // The images are where they are, whatever becomes of the files about them.
  for (const written of await Promise.allSettled([writeReport?.(report), events?.close()])) {
    if (written.status === 'rejected') session.complain(written.reason, flags)
  }
}

/** Adds `k3s-mirror mirror`. */
export function addMirrorCommand(program: Command, session: Session): void {
  const command = program.command('mirror').description('copy the images to the destination')
  addRunOutput(addOutput(addKeep(addEngine(addPlaces(addSelection(command))))))
    .option('--write-registries <file>', 'afterwards write the registries.yaml with which nodes find the images to this file')
    .option('--dry-run', 'the same as plan')
    .action((references: string[], flags: MirrorFlags) => {
      if (flags.dryRun !== true) return runMirror(references, flags, session)
      if (flags.writeRegistries !== undefined) session.note(`${flags.writeRegistries} is not written: nothing is moved`, flags)
      return runPlan(references, flags, session)
    })
}
