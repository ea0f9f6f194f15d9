import { isMirrorError, MirrorError } from '../../errors.ts'
import { privateRegistryPath, type NodeSettings } from '../../node/node-settings.ts'
import { verify, type VerifyEvents, type VerifyOptions } from '../../runs/verify.ts'
import { readExpectedDigests } from '../../verify/expected-digest.ts'
import type { CliProcess } from '../cli-process.ts'
import type { VerifyFlags } from '../commands/verify.ts'
import { exitCodes } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { readReport } from '../files/report-file.ts'
import { k3sServer, k3sVersion } from '../options/k3s.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { verifyFormat } from '../output/report-format.ts'
import { placeOptions, selectedFiles, selectionOptions } from './library-options.ts'
import { nodeSettings } from './node-settings.ts'
import { showStanding } from './show-standing.ts'

/** Reads the digests out of the report of `--expect`. Throws USAGE. */
async function readExpected(path: string, signal: AbortSignal): Promise<NonNullable<VerifyOptions['expected']>> {
  const hint = 'pass --expect with a file that mirror --report has written'
  const text = await readReport(path, { signal, hint })
  try {
    return { name: path, digests: readExpectedDigests(text, path) }
  } catch (error) {
    throw isMirrorError(error) ? error.with({ hint }) : error
  }
}

/** Throws USAGE for an option that only affects a node. */
function refuseNodeOptions(flags: Readonly<Record<string, unknown>> | VerifyFlags): void {
  const given = new Map(Object.entries(flags))
  const unused = [...k3sServer, ...k3sVersion].find((one) => ![undefined, false].includes(given.get(one.attributeName()) as undefined))
  if (unused === undefined) return
  const { flag } = unused
  throw new MirrorError('USAGE', `${flag} requires --as-node`, { hint: `pass --as-node too, or remove ${flag}` })
}

/** Reports the progress of a long check; with --verbose every image. */
function showProgress(cli: CliProcess, flags: VerifyFlags): Disposable & { readonly events: VerifyEvents } {
  const standing = showStanding(cli, flags)
  let failed = 0
  return {
    events: {
      ...standing.events,
      onImage({ status, reference }, { done, images }) {
        if (status !== 'ok') failed++
        standing.text = `${done}/${images} images checked${failed === 0 ? '' : `, ${failed} not ok`}`
        standing.detail(`${status} ${reference}`)
      },
    },
    [Symbol.dispose]: () => standing[Symbol.dispose](),
  }
}

/** Checks that every image is present. */
export async function runVerify(cli: CliProcess, flags: VerifyFlags, references: readonly string[]): Promise<void> {
  const { to, asNode = false, deep, shard, expect } = flags
  if (!asNode) refuseNodeOptions(flags)
  const node: NodeSettings = asNode ? await nodeSettings(flags, cli) : {}
  const registries = flags.registries ?? (asNode ? privateRegistryPath(node) : undefined)
  const options = {
    ...placeOptions({ ...flags, to: to ?? '' }),
    ...selectionOptions(references, flags),
    ...node,
    to,
    asNode,
    registries,
    k3sVersion: node.version,
    deep,
    shard,
    expected: expect === undefined ? undefined : await readExpected(expect, cli.signal),
    signal: cli.signal,
  }
  await refuseSharedFiles([flags.report], [...selectedFiles(flags), registries, expect, flags.nodeConfig])
  const writeReport = await openReport(flags.report)
  using progress = showProgress(cli, flags)
  const report = await verify(options, progress.events)
  for (const line of coverageLines(report.lists)) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  const format = await verifyFormat(flags.output, flags.verbose === true)
  cli.show(report, (styles) => format(report, styles))
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  // A destination that cannot be used at all is not a finding about its images.
  const hasBegun = report.error === undefined || report.totals.ok > 0
  cli.exit(report.totals.failed === 0 ? exitCodes.done : hasBegun ? exitCodes.problemsFound : exitCodes.notBegun)
  await writeReport(report).catch(cli.complain)
}
