import { collectGarbage } from '../../layout/collect-garbage.ts'
import { reportHead } from '../../report/report-head.ts'
import type { CliProcess } from '../cli-process.ts'
import type { GcFlags } from '../commands/layout.ts'
import { exitCodes } from '../exit-code.ts'
import { formatGarbage } from '../output/garbage-text.ts'

/** Removes what no tag of a layout reaches. */
export async function runLayoutGc(cli: CliProcess, { dryRun = false, grace }: GcFlags, given: string): Promise<void> {
  const startedAt = new Date().toISOString()
  const layout = given.replace(/^oci:(?=.)/, '')
  const report = await collectGarbage(layout, { dryRun, ...(grace !== undefined && { grace }), signal: cli.signal })
  cli.show({ ...reportHead(startedAt), command: 'layout gc', layout, ...report }, () => formatGarbage(layout, report))
  cli.exit(exitCodes.done)
}
