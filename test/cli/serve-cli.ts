import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { startCli, type CliResult, type RunningCli } from '../servers/run-cli.ts'

/** A running `serve`, and where it answers. */
export interface Serving extends RunningCli {
  readonly url: string
}

/** Starts `serve` on a free port and waits for the line that names it. */
export function serve(directory: string, ...options: readonly string[]): Promise<Serving> {
  return untilServing(startCli(['serve', directory, '--listen', '127.0.0.1:0', ...options]))
}

/** Waits for the line of a `serve` that names its address. */
export async function untilServing(started: Promise<RunningCli>): Promise<Serving> {
  const running = await started
  assert.ok(running.child.stderr)
  const before: string[] = []
  for await (const line of createInterface(running.child.stderr)) {
    const [, url] = /^serving .* at (https?:\/\/127\.0\.0\.1:\d+) /.exec(line) ?? []
    if (url !== undefined) {
      // Leaving the loop pauses the stream, and what comes later is wanted too.
      setImmediate(() => running.child.stderr?.resume())
      return { ...running, url }
    }
    before.push(line)
  }
  throw new Error(before.join('\n'))
}

/** Sends a signal and waits for the end. */
export async function stop({ child, finished }: RunningCli, signal: 'SIGINT' | 'SIGTERM' = 'SIGINT'): Promise<CliResult> {
  child.kill(signal)
  const result = await finished
  // a server that something keeps alive is ended by the signal's own code
  assert.ok(result.status === 0 || result.status === 1, `the server did not stop: ${result.status}`)
  return result
}
