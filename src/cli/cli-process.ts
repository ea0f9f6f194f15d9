import { safeLine } from '../text/printable.ts'
import { exitCodes, type StopSignal } from './exit-code.ts'
import { localIo } from './options/output-files.ts'
import { formatError } from './output/error-text.ts'
import { stylesFor } from './output/styles.ts'

/** What a command needs of its process: a signal that aborts, and where to write. */
export interface CliProcess {
  /** Aborted by SIGINT, SIGTERM or SIGHUP, and when standard output is closed. */
  readonly signal: AbortSignal
  /** The signal that was received. */
  readonly stopSignal: StopSignal | undefined
  /** Writes a result to standard output. */
  print(text: string): void
  /** Writes a line to standard error, unless --quiet. */
  note(line: string, flags: { readonly quiet?: boolean }): void
  /** The same, marked as a warning. */
  warn(line: string, flags: { readonly quiet?: boolean }): void
  /** Says what failed beside the work itself; the exit code is 1 then, unless the work has a worse one. */
  complain(error: unknown, flags: { readonly verbose?: boolean }): void
  /** Sets the exit code. */
  exit(code: number): void
}

/** Milliseconds after the first signal in which everything is cancelled and said; then the process ends anyway. */
const stopTimeout = 4500

/** Bytes that wait for the reader of standard error at most; further lines are lost. */
const maxUnread = 1024 * 1024

/** Milliseconds within which a second signal counts as the first. */
const sameSignal = 300

/** Connects the process: the first signal aborts, a second one ends at once. */
export function startCliProcess(): CliProcess {
  const abort = new AbortController()
  let stopSignal: StopSignal | undefined
  let stoppedAt = 0
  const stop = (signal: StopSignal): void => {
    const code = signal === 'SIGTERM' ? 143 : 130
    if (stopSignal !== undefined) {
      // Some programs send a signal to a process and to its group: that is one.
      if (performance.now() - stoppedAt > sameSignal) process.exit(code)
      return
    }
    stopSignal = signal
    stoppedAt = performance.now()
    setTimeout(() => process.exit(code), stopTimeout).unref()
    abort.abort(new DOMException(`stopped by ${signal}`, 'AbortError'))
  }
  const say = (line: string): void => {
    // A pipe that nobody reads would keep every line of a server in memory.
    if (process.stderr.writableLength <= maxUnread) process.stderr.write(`${line}\n`)
  }
  const styles = stylesFor(process.stderr, process.env)
  let hasComplaint = false
  const complain = (error: unknown, { verbose = false }: { readonly verbose?: boolean } = {}): void => {
    if (!hasComplaint) process.stderr.write(formatError(error, { styles, verbose }))
    hasComplaint = true
    process.exitCode ||= exitCodes.someFailed
  }
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGHUP', () => stop('SIGTERM'))
  // Whoever reads our output has gone: that is no error of ours, but the end of the work.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') return complain(localIo('write', 'standard output', error))
    // Every further write fails too, and is no second signal.
    if (stopSignal === undefined) stop('SIGTERM')
  })
  process.stderr.on('error', () => undefined)
  return {
    signal: abort.signal,
    get stopSignal() {
      return stopSignal
    },
    print: (text) => void process.stdout.write(text),
    note: (line, { quiet }) => quiet === true || say(safeLine(line)),
    warn: (line, { quiet }) => quiet === true || say(`${styles.warning('warning:')} ${safeLine(line)}`),
    complain,
    exit: (code) => {
      process.exitCode = code || (hasComplaint ? exitCodes.someFailed : exitCodes.done)
    },
  }
}
