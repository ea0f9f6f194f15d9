import type { StopSignal } from './exit-code.ts'
import { safeLine } from './output/safe-text.ts'
import { stylesFor } from './output/styles.ts'

/** What a command needs of its process: a signal that aborts, and where to write. */
export interface Session {
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
  /** Sets the exit code. */
  exit(code: number): void
}

/** Milliseconds after the first signal in which everything is cancelled and said; then the process ends anyway. */
const stopTimeout = 4500

/** Connects the process: the first signal aborts, a second one ends at once. */
export function startSession(): Session {
  const abort = new AbortController()
  let stopSignal: StopSignal | undefined
  const stop = (signal: StopSignal): void => {
    const code = signal === 'SIGTERM' ? 143 : 130
    if (stopSignal !== undefined) process.exit(code)
    stopSignal = signal
    setTimeout(() => process.exit(code), stopTimeout).unref()
    abort.abort(new DOMException(`stopped by ${signal}`, 'AbortError'))
  }
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGHUP', () => stop('SIGTERM'))
  // Whoever reads our output has gone: that is no error of ours, but the end of the work.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // Every further write fails too, and is no second signal.
    if (stopSignal === undefined) stop('SIGTERM')
  })
  process.stderr.on('error', () => undefined)
  const styles = stylesFor(process.stderr, process.env)
  return {
    signal: abort.signal,
    get stopSignal() {
      return stopSignal
    },
    print: (text) => void process.stdout.write(text),
    note: (line, { quiet }) => quiet === true || process.stderr.write(`${safeLine(line)}\n`),
    warn: (line, { quiet }) => quiet === true || process.stderr.write(`${styles.warning('warning:')} ${safeLine(line)}\n`),
    exit: (code) => {
      process.exitCode = code
    },
  }
}
