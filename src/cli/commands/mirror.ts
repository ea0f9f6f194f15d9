import type { Command } from 'commander'
import { mirror } from '../../mirror.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { createRenderer } from '../output/create-renderer.ts'
import { eventsNdjson, formatJson } from '../output/events-ndjson.ts'
import { stylesFor } from '../output/styles.ts'
import { formatSummary } from '../output/summary.ts'
import { openEvents, openReport, refuseSharedFiles } from '../options/output-files.ts'
import { addOutput, addRunOutput, verbosity, type OutputFlags } from '../options/output.ts'
import { addPlaces, placeOptions, type PlaceFlags } from '../options/places.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import type { Session } from '../session.ts'
import { runPlan } from './plan.ts'

type MirrorFlags = SelectionFlags & PlaceFlags & OutputFlags & { readonly dryRun?: boolean }

async function runMirror(references: readonly string[], flags: MirrorFlags, session: Session): Promise<void> {
  await refuseSharedFiles([flags.report, flags.events], [...(flags.images ?? []), flags.registries])
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const events = flags.events === undefined ? undefined : await openEvents(flags.events)
  const renderers = [
    await createRenderer(process.stderr, { env: process.env, verbosity: verbosity(flags) }),
    ...(events ? [eventsNdjson(events.output)] : []),
  ]
  const run = mirror({ ...placeOptions(flags), ...selectionOptions(references, flags), signal: session.signal })
  try {
    for await (const event of run) for (const renderer of renderers) renderer.event(event)
  } finally {
    for (const renderer of renderers) renderer.end()
  }
  const report = await run.report
  if (flags.output === 'json') session.print(`${formatJson(report)}\n`)
  else if (flags.quiet !== true && flags.events !== '-') session.print(formatSummary(report, stylesFor(process.stdout, process.env)))
  session.exit(exitCodeOfReport(report, session.stopSignal))
  // The images are where they are, whatever becomes of the files about them.
  for (const written of await Promise.allSettled([writeReport?.(report), events?.close()])) {
    if (written.status === 'rejected') session.complain(written.reason, flags)
  }
}

/** Adds `k3s-mirror mirror`. */
export function addMirrorCommand(program: Command, session: Session): void {
  const command = program.command('mirror').description('copy the images to the destination')
  addRunOutput(addOutput(addPlaces(addSelection(command))))
    .option('--dry-run', 'the same as plan')
    .action((references: string[], flags: MirrorFlags) =>
      flags.dryRun === true ? runPlan(references, flags, session) : runMirror(references, flags, session),
    )
}
