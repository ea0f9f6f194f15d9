import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { withSignal } from '../../async/single-flight.ts'
import { MirrorError } from '../../errors.ts'
import { parseJsonObject } from '../../oci/json-object.ts'
import { printable } from '../../text/printable.ts'
import type { Credentials } from './credentials.ts'

/** Options of askCredentialHelper. */
export interface CredentialHelperOptions {
  /** The helper's environment, PATH included; default: this process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Milliseconds that it may take; default 30 000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const maxBytes = 64 * 1024
/** What helpers print for none: https://github.com/docker/docker-credential-helpers/blob/v0.9.3/credentials/error.go */
const notFound = new Set(['credentials not found in native keychain', 'no credentials server URL', 'no credentials username'])

/** Runs `docker-credential-<name> get`: undefined when it knows no credentials. Throws INVALID_CONFIG when it fails, hangs or prints invalid output, which is never shown. */
export async function askCredentialHelper(
  name: string,
  address: string,
  options: CredentialHelperOptions = {},
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw failure(name.slice(0, 40), 'its name contains characters other than letters, digits, ".", "_" and "-"')
  const { exitCode, output } = await run(name, address, options)
  if (exitCode !== 0) {
    if (notFound.has(output.trim())) return undefined
    throw failure(name, `it ended with ${exitCode === null ? 'a signal' : `exit code ${exitCode}`}`)
  }
  const { Username: username, Secret: secret } = parseJsonObject(output) ?? {}
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failure(name, 'its output is not JSON with "Username" and "Secret"')
  }
  if (username === '' && secret === '') return undefined
  return username === '<token>' ? { kind: 'identity-token', token: secret } : { kind: 'basic', username, password: secret }
}

function failure(name: string, why: string, cause?: unknown): MirrorError {
  return new MirrorError('INVALID_CONFIG', `the credential helper docker-credential-${printable(name)} failed: ${why}`, {
    hint: `try it with echo <registry> | docker-credential-${printable(name)} get, or remove it from config.json (credHelpers, credsStore)`,
    cause,
  })
}

async function run(name: string, address: string, { environment, timeout = 30_000, signal }: CredentialHelperOptions) {
  signal?.throwIfAborted()
  const child = spawn(`docker-credential-${name}`, ['get'], {
    shell: false,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(environment !== undefined && { env: { ...environment } }),
  })
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failure(name, `it did not answer within ${timeout / 1000} s`)), timeout)
  })
  try {
    return await withSignal(Promise.race([collect(child, name, address), tooLate]), signal)
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
    // a grandchild may hold the pipe open
    child.stdout.destroy()
    child.stdin.destroy()
  }
}

function collect(child: ChildProcessByStdio<Writable, Readable, null>, name: string, address: string) {
  return new Promise<{ readonly exitCode: number | null; readonly output: string }>((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'ENOENT' ? 'it is not installed, or not on PATH' : `it cannot be started (${error.code ?? 'unknown reason'})`
      reject(failure(name, why))
    })
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) reject(failure(name, 'its output is larger than 64 KiB'))
      else chunks.push(chunk)
    })
    child.once('close', (exitCode) => resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8') }))
    // a helper may end without reading
    child.stdin.on('error', () => undefined)
    child.stdin.end(address)
  })
}
