import { checkNode } from '../../../runs/check-node.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { NodeCheckFlags } from '../../commands/node.ts'
import { exitCodes } from '../../exit-code.ts'
import { formatNodeReport } from '../../output/node-text.ts'

/** Prints what the files of a node say about its images. The exit code is 4 if a finding is an error. */
export async function runNodeCheck(cli: CliProcess, { root, rke2, k3sVersion }: NodeCheckFlags): Promise<void> {
  const report = await checkNode({
    root,
    product: rke2 === true ? 'rke2' : k3sVersion?.product,
    k3sVersion: k3sVersion?.version,
    signal: cli.signal,
  })
  cli.show(report, (styles) => formatNodeReport(report, styles))
  cli.exit(report.totals.error > 0 ? exitCodes.problemsFound : exitCodes.done)
}
