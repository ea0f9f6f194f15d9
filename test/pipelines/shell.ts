import { spawn } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fileServer, sha256Hex } from '../release/file-server.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What a shell printed, on both streams, and how it ended. */
export interface ShellResult {
  readonly status: number | null
  readonly log: string
}

/** Where a shell runs, and its whole environment. */
export interface ShellPlace {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Runs a program to its end. */
export async function runShell([command = '', ...args]: readonly string[], { cwd, env }: ShellPlace): Promise<ShellResult> {
  const child = spawn(command, args, { cwd, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const status = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { status, log }
}

/** Writes a program of a shell script. */
export async function writeProgram(path: string, script: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

/** A server with SHA256SUMS and an executable, which starts the built program. */
export interface Download extends AsyncDisposable {
  readonly url: string
  /** Of SHA256SUMS. */
  readonly sha256: string
  /** Paths that were asked for. */
  readonly asked: readonly string[]
}

/** Starts the built program. */
const starter = `exec '${process.execPath}' '${root}dist/cli/main.js' "$@"\n`

/** Starts the server; `first` are lines before the program starts, and `served` replaces the executable, but not its checksum. */
export async function startDownload({ first = '', served }: { readonly first?: string; readonly served?: string } = {}): Promise<Download> {
  const name = `k3s-mirror-linux-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const executable = `#!/bin/sh\n${first}\n${starter}`
  const sums = `${sha256Hex('other')}  other\n${sha256Hex(executable)}  ${name}\n`
  const server = await fileServer({ '/v1/SHA256SUMS': sums, [`/v1/${name}`]: served ?? executable })
  return {
    url: `${server.url}/v1`,
    sha256: sha256Hex(sums),
    get asked() {
      return server.requests.map(({ url }) => url)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** The environment of a job: the directory `home` in `directory`, the programs in `directory/bin`, then those of this machine. */
export async function jobEnvironment(directory: string): Promise<Readonly<Record<string, string>>> {
  await mkdir(`${directory}/bin`, { recursive: true })
  await mkdir(`${directory}/home`, { recursive: true })
  return { PATH: `${directory}/bin:${process.env['PATH']}`, HOME: `${directory}/home`, TZ: 'UTC', LANG: 'C.UTF-8' }
}
