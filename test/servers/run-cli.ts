import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { cliCommand } from './cli-command.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

/** How the program is run. */
export interface CliOptions {
  /** Added to an environment that holds nothing but PATH, HOME and DOCKER_CONFIG (both an empty directory), TZ and LANG. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  readonly cwd?: string
  /** A program, with its arguments, that starts the command it is given, as `unshare` does. */
  readonly within?: readonly string[]
  /** Milliseconds after which the program is killed and the promise rejected; default 60 000. */
  readonly timeout?: number
}

/** What became of it. */
export interface CliResult {
  /** The exit status; null when a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running program. */
export interface RunningCli {
  readonly child: ChildProcess
  readonly finished: Promise<CliResult>
}

/** Runs the built program to its end; a status other than 0 is a result, not an error. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return (await startCli(args, options)).finished
}

/** Starts the built program, for tests that signal it or read its output as it comes. */
export async function startCli(args: readonly string[], options: CliOptions = {}): Promise<RunningCli> {
  const home = await tempDir()
  const [command, ...rest] = [...(options.within ?? []), ...cliCommand(), ...args]
  const child = spawn(command ?? '', rest, {
    cwd: options.cwd ?? home.path,
    env: { PATH: process.env['PATH'], HOME: home.path, DOCKER_CONFIG: home.path, TZ: 'UTC', LANG: 'C.UTF-8', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // a program that ends without reading its input is free to do so
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.stdin ?? '')
  return { child, finished: untilEnd(child, args, home, options.timeout ?? 60_000) }
}

async function untilEnd(child: ChildProcess, args: readonly string[], home: TempDir, timeout: number): Promise<CliResult> {
  try {
    return await collect(child, args, timeout)
  } finally {
    await home[Symbol.asyncDispose]()
  }
}

async function collect(child: ChildProcess, args: readonly string[], timeout: number): Promise<CliResult> {
  if (child.stdout === null || child.stderr === null) throw new Error('the program has no output streams')
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeout)
  const closed = new Promise<Pick<CliResult, 'status' | 'signal'>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal }))
  })
  const [stdout, stderr, end] = await Promise.all([readText(child.stdout), readText(child.stderr), closed])
  clearTimeout(timer)
  if (late) throw new Error(`k3s-mirror ${args.join(' ')} did not end within ${timeout} ms:\n${stderr}`)
  return { ...end, stdout, stderr }
}

/** What comes until the stream is closed, by the program or by a test that leaves early. */
function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => stream.once('close', () => resolve(Buffer.concat(chunks).toString())))
}
