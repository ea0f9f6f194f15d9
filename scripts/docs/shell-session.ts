import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { onLines } from '../../test/servers/lines.ts'

/** What a command printed on both outputs, and its exit status. */
export interface CommandResult {
  readonly output: string
  readonly status: number
}

/** One bash in which the commands of a page run one after another, so that `cd`, `export` and `$?` work as they do for a reader. */
export interface ShellSession extends AsyncDisposable {
  /** Runs a command to its end; throws where it takes more than five minutes. */
  run(command: string): Promise<CommandResult>
  /** Starts a server, ends the one before it, and gives what it printed `settle` milliseconds after `isReady` accepted that, or after 15 seconds. */
  serve(command: string, isReady: (output: string) => boolean, settle: number): Promise<CommandResult>
}

/** Reads commands from descriptor 4, ended by NUL, and reports each exit status on descriptor 3. */
const loop = 's=0; while IFS= read -r -d "" command <&4; do (exit $s); eval "$command" </dev/null; s=$?; echo $s >&3; done'

/** Starts the shell in a directory with an environment; `logs` is a directory for what it prints. */
export function openShellSession(directory: string, environment: Readonly<Record<string, string>>, logs: string): ShellSession {
  const log = `${logs}/output`
  const file = openSync(log, 'a')
  const shell = spawn('bash', ['--norc', '--noprofile', '-c', loop], {
    cwd: directory,
    env: { ...environment },
    stdio: ['ignore', file, file, 'pipe', 'pipe'],
    // a group of its own, which is ended with all that still runs in it
    detached: true,
  })
  closeSync(file)
  const [statuses, commands] = [shell.stdio[3] as Readable, shell.stdio[4] as Writable]
  const waiting: ((status: number) => void)[] = []
  onLines(statuses, (line) => waiting.shift()?.(Number(line)))
  let server: string | undefined

  const run = async (command: string): Promise<CommandResult> => {
    const start = statSync(log).size
    const status = await Promise.race([
      new Promise<number>((resolve) => {
        waiting.push(resolve)
        commands.write(`${command}\0`)
      }),
      sleep(300_000, undefined, { ref: false }).then(() => {
        throw new Error(`it did not end within five minutes: ${command}`)
      }),
    ])
    return { output: readFileSync(log).subarray(start).toString(), status }
  }

  const stopServer = async (): Promise<void> => {
    if (server !== undefined) await run(`kill ${server}; wait ${server}`)
    server = undefined
  }

  return {
    run,
    async serve(command, isReady, settle) {
      await stopServer()
      const serverLog = `${logs}/server`
      server = (await run(`: >${serverLog}; { exec ${command}; } >${serverLog} 2>&1 & echo $!`)).output.trim()
      for (const start = Date.now(); ;) {
        const read = (): string => readFileSync(serverLog, 'utf8')
        if (isReady(read()) || Date.now() - start > 15_000) {
          await sleep(settle)
          return { output: read(), status: 0 }
        }
        await sleep(20)
      }
    },
    async [Symbol.asyncDispose]() {
      if (shell.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return
      const exit = once(shell, 'exit')
      process.kill(-shell.pid, 'SIGKILL')
      await exit
    },
  }
}
