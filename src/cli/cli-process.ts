import { isatty } from 'node:tty'
import type { ErrorSummary } from '../copy/events.ts'
import { MirrorError, systemReason } from '../errors.ts'
import { exitCodes, type StopSignal } from './exit-code.ts'
import type { OutputFlags } from './options/output.ts'
import { formatError } from './output/error-text.ts'
import { textLine } from './output/flags.ts'
import { formatJson } from './output/json.ts'
import { stylesFor, type Styles } from './output/styles.ts'

/** What a command needs from its process: a signal that aborts, and streams to write to. */
export interface CliProcess {
  /** Aborted by SIGINT, SIGTERM or SIGHUP, and when standard output is closed. */
  readonly signal: AbortSignal
  /** The signal that was received. */
  readonly stopSignal: StopSignal | undefined
  /** True once images are being copied: what ends the command then did not keep it from beginning. */
  hasBegun: boolean
  /** Makes SIGHUP call this function; the end of the terminal still stops the command. */
  readonly onHangup: (reload: () => void) => void
  /** Applies --output, --quiet and --verbose. */
  readonly heed: (flags: OutputFlags) => void
  /** Writes a result to standard output. */
  readonly print: (text: string) => void
  /** Writes a result to standard output: the document for `--output json`, otherwise the text that `format` returns. */
  readonly show: (document: object, format: (styles: Styles) => string) => void
  /** Writes a line to standard error. */
  readonly say: (line: string) => void
  /** Writes a line to standard error, unless --quiet. */
  readonly note: (line: string) => void
  /** The same, marked as a warning. */
  readonly warn: (line: string) => void
  /** Writes annotations for the log of a pipeline to standard error, which its runner reads too. */
  readonly annotate: (text: string) => void
  /** Reports a failure next to the work itself; the exit code becomes 1, unless the work has a worse one. */
  readonly complain: (error: unknown) => void
  /** Writes the error that a report carries to standard error. */
  readonly explain: (error: ErrorSummary) => void
  /** Writes the error that ended the command to standard error. */
  readonly fail: (error: unknown) => void
  /** Sets the exit code. */
  readonly exit: (code: number) => void
}

/** Milliseconds after the first signal; then the process ends, whatever is still running. */
const stopTimeout = 4500

/** The most bytes that wait for the reader of standard error; further lines are lost. */
const maxUnread = 1024 * 1024

/** Milliseconds within which a second signal counts as the first. */
const sameSignal = 300

function lostOutput(cause: Error): MirrorError {
  const hint = 'check the file or pipe of standard output, and its free space'
  return new MirrorError('LOCAL_IO', `cannot write standard output: ${systemReason(cause)}`, { hint, cause })
}

function isSuccess(code: NodeJS.Process['exitCode']): boolean {
  return code === undefined || code === exitCodes.done || code === exitCodes.changed
}

/** Connects the process: the first signal aborts, a second one ends at once. */
export function startCliProcess(): CliProcess {
  const abort = new AbortController()
  let stopSignal: StopSignal | undefined
  let stoppedAt = 0
  const stop = (signal: StopSignal): void => {
    const code = signal === 'SIGTERM' ? 143 : 130
    if (stopSignal !== undefined) {
      // Some programs send a signal to a process and to its group, which counts as one.
      if (performance.now() - stoppedAt > sameSignal) process.exit(code)
      return
    }
    stopSignal = signal
    stoppedAt = performance.now()
    setTimeout(() => process.exit(code), stopTimeout).unref()
    abort.abort(new DOMException(`stopped by ${signal}`, 'AbortError'))
  }
  const say = (line: string): void => {
    // A pipe without a reader would keep every line of a server in memory.
    if (process.stderr.writableLength <= maxUnread) process.stderr.write(`${line}\n`)
  }
  const styles = stylesFor(process.stderr, process.env)
  let { output, quiet = false, verbose = false }: OutputFlags = {}
  let hasComplaint = false
  const fail = (error: unknown): void => void process.stderr.write(formatError(error, { styles, verbose }))
  const complain = (error: unknown): void => {
    if (!hasComplaint) fail(error)
    hasComplaint = true
    if (isSuccess(process.exitCode)) process.exitCode = exitCodes.someFailed
  }
  const print = (text: string): void => void process.stdout.write(text)
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  const hadTerminal = isatty(process.stderr.fd)
  let reload: (() => void) | undefined
  process.on('SIGHUP', () => {
    const isTerminalGone = hadTerminal && !isatty(process.stderr.fd)
    if (reload === undefined || isTerminalGone) stop('SIGTERM')
    else reload()
  })
  // The reader of the output has left: the work ends, without an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') return complain(lostOutput(error))
    // Every further write fails too, which does not count as a second signal.
    if (stopSignal === undefined) stop('SIGTERM')
  })
  process.stderr.on('error', () => undefined)
  return {
    signal: abort.signal,
    get stopSignal() {
      return stopSignal
    },
    hasBegun: false,
    onHangup: (action) => {
      reload = action
    },
    heed: (flags) => void ({ output, quiet = false, verbose = false } = flags),
    print,
    show: (document, format) => print(output === 'json' ? `${formatJson(document)}\n` : format(stylesFor(process.stdout, process.env))),
    say: (line) => say(textLine(line)),
    note: (line) => quiet || say(textLine(line)),
    warn: (line) => quiet || say(`${styles.warning('warning:')} ${textLine(line)}`),
    annotate: (text) => void (text !== '' && process.stderr.write(text)),
    complain,
    explain: (error) => void process.stderr.write(formatError(new MirrorError(error.code, error.message, error), { styles })),
    fail,
    exit: (code) => {
      process.exitCode = hasComplaint && isSuccess(code) ? exitCodes.someFailed : code
    },
  }
}
