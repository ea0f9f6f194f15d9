import { MirrorError } from '../errors.ts'
import type { ShardSummary } from '../plan/shard.ts'
import type { MirrorReport, ShardResult } from './report.ts'
import { sumTotals } from './sum-totals.ts'

/** A report, and its name in messages, as a path. */
export interface NamedReport {
  readonly name: string
  readonly report: MirrorReport
}

interface ShardReport extends NamedReport {
  readonly shard: ShardSummary
}

function refuse(message: string, hint: string): never {
  throw new MirrorError('USAGE', message, { hint })
}

function requireShard({ name, report }: NamedReport): ShardReport {
  const { shard } = report
  return shard === undefined
    ? refuse(`${name} is not the report of a shard`, 'pass reports of runs with options.shard')
    : { name, report, shard }
}

/** Throws USAGE unless the reports are of the same run, except for the shard. */
function refuseOther(first: ShardReport, other: ShardReport): void {
  const differ = (what: string, hint: string): never => refuse(`${first.name} and ${other.name} ${what}`, hint)
  const { report, shard } = other
  if (report.command !== first.report.command) differ('are reports of different commands', 'pass reports of one command')
  if (report.destination !== first.report.destination) differ('have different destinations', 'pass reports with the same options.to')
  if (shard.count !== first.shard.count) differ('have different numbers of shards', 'pass the reports of one set of shards')
  if (shard.list !== first.shard.list || shard.images !== first.shard.images) {
    const hint = 'run every shard again with the same list: pass a release tag in place of a channel, and the same filters and names'
    differ('are shards of different lists', hint)
  }
}

/** The reports in the order of their shards. Throws USAGE where one is missing, or is there twice. */
function inOrder(reports: readonly ShardReport[], count: number): readonly ShardReport[] {
  const byIndex = new Map<number, ShardReport>()
  for (const report of reports) {
    const { index } = report.shard
    const known = byIndex.get(index)
    if (known !== undefined)
      refuse(`${known.name} and ${report.name} are both reports of shard ${index}`, 'pass only the latest report of each shard')
    byIndex.set(index, report)
  }
  const indexes = Array.from({ length: count }, (_, at) => at + 1)
  const missing = indexes.filter((index) => !byIndex.has(index))
  if (missing.length > 0) {
    const which = `${missing.length === 1 ? 'shard' : 'shards'} ${missing.slice(0, 20).join(', ')}${missing.length > 20 ? ', …' : ''}`
    refuse(`the report of ${which} of ${count} is missing`, 'pass the reports of all shards; run a shard without a report again')
  }
  return indexes.flatMap((index) => byIndex.get(index) ?? [])
}

/** One report of all shards of a run, with the images in the order of the shards. Throws USAGE for reports that do not complete each other. */
export function mergeReports(given: readonly NamedReport[]): MirrorReport {
  const sharded = given.map(requireShard)
  const [first] = sharded
  if (first === undefined) return refuse('there is no report to merge', 'pass the report of each shard')
  for (const other of sharded.slice(1)) refuseOther(first, other)
  const reports = inOrder(sharded, first.shard.count).map(({ report }) => report)
  const images = reports.flatMap((report) => report.images)
  const distinct = new Set(images.map(({ source }) => source)).size
  if (images.length !== first.shard.images || distinct !== images.length) {
    refuse(
      `the reports name ${distinct} of the ${first.shard.images} images of the list`,
      'run every shard again with the same version of k3s-mirror',
    )
  }
  const { shard: _shard, interrupted: _interrupted, error: _error, ...common } = first.report
  const shards = reports.map(({ images: own, totals: { failed, bytesCopied, seconds } }, at): ShardResult => {
    return { index: at + 1, images: own.length, failed, bytesCopied, seconds }
  })
  return {
    ...common,
    // In ISO 8601 and UTC, so that text order is that of time.
    startedAt: reports.map(({ startedAt }) => startedAt).toSorted()[0] ?? common.startedAt,
    finishedAt:
      reports
        .map(({ finishedAt }) => finishedAt)
        .toSorted()
        .at(-1) ?? common.finishedAt,
    images,
    totals: sumTotals(reports.map(({ totals }) => totals)),
    lists: [...new Map(reports.flatMap(({ lists }) => lists).map((list) => [`${list.name} ${list.sha256}`, list])).values()],
    warnings: [...new Set(reports.flatMap(({ warnings }) => warnings))],
    shards,
    ...(reports.some(({ interrupted }) => interrupted === true) && { interrupted: true }),
  }
}
