import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isMirrorError, MirrorError, systemReason } from '../../errors.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { readPipe } from '../../release/read-pipe.ts'
import type { VerifyReport } from '../../report/verify-report.ts'
import { verify, type VerifyEvents, type VerifyOptions } from '../../runs/verify.ts'
import { readExpectedDigests } from '../../verify/expected-digest.ts'
import type { CliProcess } from '../cli-process.ts'
import type { VerifyFlags } from '../commands/verify.ts'
import { exitCodes } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { formatDuration } from '../output/format-amount.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { outputClock } from '../output/renderer.ts'
import type { Styles } from '../output/styles.ts'
import { formatVerification } from '../output/verify-table.ts'
import { k3sFlags, placeOptions, selectionOptions } from './library-options.ts'

/** Bytes of a report; one of a thousand images has a few MB. */
const maxReportBytes = 64 * 1024 * 1024

/** Reads the digests out of the report of `--expect`. Throws USAGE. */
async function readExpected(path: string, signal: AbortSignal): Promise<NonNullable<VerifyOptions['expected']>> {
  const hint = 'pass --expect with a file that mirror --report has written'
  const refuse = (why: string, cause?: unknown): never => {
    throw new MirrorError('USAGE', `cannot read ${path}: ${why}`, { hint, cause })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const facts = await stat(path)
    if (!facts.isFile() && !facts.isFIFO()) refuse('not a file')
    // What blocks while it is opened keeps the process alive, whatever signal comes.
    const stream: AsyncIterable<Uint8Array> = facts.isFIFO() ? readPipe(path, { signal }) : createReadStream(path, { signal })
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxReportBytes) refuse('larger than 64 MiB')
    }
    return { name: path, digests: readExpectedDigests(Buffer.concat(chunks).toString('utf8'), path) }
  } catch (error) {
    signal.throwIfAborted()
    if (!isMirrorError(error)) return refuse(systemReason(error), error)
    if (error.code === 'USAGE') throw error.with({ hint })
    return refuse('no process writes to this named pipe', error)
  }
}

/** Milliseconds between two lines on the progress of a long check. */
const heartbeat = 10_000

/** Reports the progress of a long check on standard error; with --verbose every image and retry. */
function showProgress(cli: CliProcess, { verbose }: VerifyFlags): Disposable & { readonly events: VerifyEvents } {
  let standing: string | undefined
  let failed = 0
  const stop = outputClock.every(heartbeat, () => {
    if (standing !== undefined) cli.note(`... ${standing}`)
  })
  const detail = (line: string): void => {
    if (verbose === true) cli.note(line)
  }
  return {
    events: {
      onImage({ status, reference }, { done, images }) {
        if (status !== 'ok') failed++
        standing = `${done}/${images} images checked${failed === 0 ? '' : `, ${failed} not ok`}`
        detail(`${status} ${reference}`)
      },
      onRetry: ({ attempt, delay, error }) => detail(`retry ${attempt} in ${formatDuration(delay)}: ${error.message} (${error.code})`),
      onThrottled: ({ origin, delay }) => cli.note(`throttled: ${origin} asks for a pause of ${formatDuration(delay)}`),
    },
    [Symbol.dispose]: stop,
  }
}

/** The text of `--output`; a format that most runs do without is loaded where it is asked for. */
async function formatOf({ output, verbose = false }: VerifyFlags): Promise<(report: VerifyReport, styles: Styles) => string> {
  if (output === 'junit') return (await import('../output/verify-junit.ts')).formatVerifyJunit
  if (output === 'markdown') return (await import('../output/verify-markdown.ts')).formatVerifyMarkdown
  return (report, styles) => formatVerification(report, { styles, verbose })
}

/** Checks that every image is present. */
export async function runVerify(cli: CliProcess, flags: VerifyFlags, references: readonly string[]): Promise<void> {
  const { to, asNode = false, deep, expect, k3sVersion, registries = asNode ? defaultRegistriesFile : undefined } = flags
  const options = {
    ...placeOptions({ ...flags, to: to ?? '' }),
    ...selectionOptions(references, flags),
    ...k3sFlags(flags),
    to,
    asNode,
    registries,
    k3sVersion,
    deep,
    expected: expect === undefined ? undefined : await readExpected(expect, cli.signal),
    signal: cli.signal,
  }
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), flags.locked, registries, expect])
  const writeReport = await openReport(flags.report)
  using progress = showProgress(cli, flags)
  const report = await verify(options, progress.events)
  for (const line of coverageLines(report.lists)) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  const format = await formatOf(flags)
  cli.show(report, (styles) => format(report, styles))
  cli.exit(report.totals.failed === 0 ? exitCodes.done : exitCodes.problemsFound)
  await writeReport(report).catch(cli.complain)
}
