import { MirrorError } from '../../errors.ts'
import type { CliProcess } from '../cli-process.ts'
import type { SyncFlags } from '../commands/sync.ts'
import { exitCodes } from '../exit-code.ts'
import { openEvents, openReport, refuseSharedFiles } from '../files/output-files.ts'
import { isDocument } from '../options/output.ts'
import { flagsByOption, nameFlag } from '../output/flags.ts'
import { eventsNdjson } from '../output/json.ts'
import { syncFormat } from '../output/report-format.ts'
import { stylesFor } from '../output/styles.ts'
import { SyncLines } from '../output/sync-lines.ts'
import { readSyncConfig } from '../sync/read-sync-config.ts'
import { checkEntries, runEntries, type SyncEvent } from '../sync/run-sync.ts'
import type { SyncConfig } from '../sync/sync-config.ts'
import { exitCodeOfSync, exitCodeOfSyncCheck } from '../sync/sync-exit-code.ts'
import type { SyncCheckReport, SyncReport } from '../sync/sync-report.ts'
import { describeOptions } from './library-options.ts'

/** Options that are of no use without another one, and such that exclude each other. */
function refuseCombinations({ watch, check, interval, listen, detailedExitcode, events, output, annotate }: SyncFlags): void {
  const refuse = (message: string, hint: string): never => {
    throw new MirrorError('USAGE', message, { hint })
  }
  if (watch === true && check === true) refuse('--watch and --check exclude each other', 'remove one of them')
  if (watch === true && detailedExitcode === true) refuse('--detailed-exitcode has no effect with --watch, which ends with 0', 'remove it')
  if (watch === true && (output === 'junit' || output === 'markdown'))
    refuse(`--output ${output} is one document, and --watch does not end`, 'pass --output json, or remove --watch')
  if (watch === true && annotate !== undefined) refuse('--annotate has no effect with --watch, whose runs have no job log', 'remove it')
  for (const [flag, value] of [
    ['--interval', interval],
    ['--listen', listen],
  ] as const)
    if (watch !== true && value !== undefined) refuse(`${flag} requires --watch`, `pass --watch, or remove ${flag}`)
  if (check === true && events !== undefined) refuse('--events requires a run, and --check copies nothing', 'remove --events')
}

/** Makes messages of the library name a key of the file in place of a flag of `mirror`. */
function nameKeys({ artifactUrl, channelUrl }: SyncFlags): void {
  const own = new Set([artifactUrl && '--artifact-url', channelUrl && '--channel-url'])
  for (const [key, flag] of Object.entries(flagsByOption)) if (!own.has(flag)) nameFlag(flag, key)
}

/** Files that a run reads. */
function readFiles({ entries }: SyncConfig): readonly (string | undefined)[] {
  return entries.flatMap(({ images = [], manifests = [], locked, registries }) => [...images, ...manifests, locked, registries])
}

/** Mirrors what a file selects, once or, with `--watch`, again and again. */
export async function runSync(cli: CliProcess, flags: SyncFlags): Promise<void> {
  const { config: path, only, artifactUrl, channelUrl, quiet = false, verbose = false, events: eventsPath, output, annotate } = flags
  refuseCombinations(flags)
  nameKeys(flags)
  const read = (): Promise<SyncConfig> => readSyncConfig(path, { only, signal: cli.signal, environment: process.env })
  const config = await read().catch((error: unknown) => {
    if (flags.watch === true && cli.signal.aborted) return undefined
    throw error
  })
  if (config === undefined) return cli.exit(exitCodes.done)
  await refuseSharedFiles([flags.report, eventsPath], [path, ...readFiles(config)])
  const writeReport = await openReport(flags.report)
  const options = { config: path, artifactUrl, channelUrl, ...describeOptions(flags) }
  const detailed = flags.detailedExitcode === true
  const show = async (isShown: boolean, report: SyncReport | SyncCheckReport): Promise<void> => {
    const format = await syncFormat(output)
    if (isShown) cli.show(report, (styles) => format(report, styles))
    if (annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, annotate))
  }
  if (flags.check === true) {
    const report = await checkEntries(config, { ...options, signal: cli.signal })
    await show(true, report)
    cli.exit(exitCodeOfSyncCheck(report, { detailed }))
    await writeReport(report).catch(cli.complain)
    return
  }
  const events = eventsPath === undefined ? undefined : await openEvents(eventsPath)
  const ndjson = events && eventsNdjson(events.output)
  const lines = new SyncLines({
    styles: stylesFor(process.stderr, process.env),
    verbosity: quiet ? 'quiet' : verbose ? 'verbose' : 'normal',
    isWatching: flags.watch === true,
    write: (line) => void process.stderr.write(`${line}\n`),
  })
  const onEvent = (event: SyncEvent): void => {
    lines.event(event, performance.now())
    ndjson?.event(event)
  }
  const run = (used: SyncConfig, signal: AbortSignal): ReturnType<typeof runEntries> => {
    lines.begin(used.entries)
    return runEntries(used, { ...options, signal, onEvent })
  }
  if (flags.watch === true) {
    const { watchConfig } = await import('./watch-config.ts')
    await watchConfig(cli, flags, { config, read, run, writeReport })
    await events?.close().catch(cli.complain)
    return
  }
  const report = await run(config, cli.signal)
  await show(isDocument(output) || (!quiet && eventsPath !== '-'), report)
  cli.exit(exitCodeOfSync(report, { detailed, signal: cli.stopSignal }))
  for (const written of await Promise.allSettled([writeReport(report), events?.close()])) {
    if (written.status === 'rejected') cli.complain(written.reason)
  }
}
