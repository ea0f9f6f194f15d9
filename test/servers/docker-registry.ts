import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hash } from 'bcryptjs'
import { plainRequest } from './http-request.ts'
import { onLines } from './lines.ts'
import { readRequests, type RegistryRequest } from './registry-requests.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

/** What a registry needs to believe a token server; `TokenServer.trust` gives it. */
export interface TokenTrust {
  /** URL of the token endpoint, as it stands in the challenge. */
  readonly realm: string
  readonly service: string
  readonly issuer: string
  /** PEM of the certificates whose keys may sign tokens. */
  readonly certificate: string
}

/** How the registry is set up; by default plain HTTP, open to everybody, writable, empty. */
export interface DockerRegistryOptions {
  /** PEM; with `clientCa` a client certificate of that authority is demanded. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string }
  /** Passwords by user name. */
  readonly htpasswd?: Readonly<Record<string, string>>
  readonly token?: TokenTrust
  /** Refuses every write with 405. */
  readonly readOnly?: boolean
  /** Refuses deletion with 405, as a registry does that is not set up for it. */
  readonly noDeletion?: boolean
  /** Answers uploads with a Location that has no host. */
  readonly relativeUrls?: boolean
  /** An existing storage directory to serve, kept at the end; default: an empty one of its own, removed at the end. */
  readonly rootDirectory?: string
  /** Keeps what `requests` reads; it makes the registry slower. */
  readonly logRequests?: boolean
}

/** A running docker-registry; disposing of it ends its process and removes its directory. */
export interface DockerRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` or `https://…`, without a slash at the end. */
  readonly url: string
  /** `127.0.0.1:<port>`. */
  readonly host: string
  /** Storage of the filesystem driver: `<rootDirectory>/docker/registry/v2/…`. */
  readonly rootDirectory: string
  /** Lines of the access log so far: `127.0.0.1 - - [date] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`. */
  readonly accessLog: readonly string[]
  /** Every request that was answered before the call, with its user; needs `logRequests`. */
  requests(): Promise<readonly RegistryRequest[]>
  /** Removes what no manifest of any repository needs from the storage: `registry garbage-collect`. */
  collectGarbage(): Promise<void>
  readonly pid: number
}

/** Starts Debian's docker-registry (distribution 2.8) on a free loopback port and waits until it answers. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const directory = await tempDir()
  try {
    return await start(directory, options)
  } catch (error) {
    await directory[Symbol.asyncDispose]()
    throw error
  }
}

async function start(directory: TempDir, options: DockerRegistryOptions): Promise<DockerRegistry> {
  const rootDirectory = options.rootDirectory ?? `${directory.path}/storage`
  await mkdir(rootDirectory, { recursive: true })
  const configuration = await configure(directory, rootDirectory, options)
  // JSON is YAML too
  const file = await directory.write('config.yml', JSON.stringify(configuration))
  const logFile = await directory.write('log', '')
  const child = spawnRegistry(file, logFile)
  const accessLog: string[] = []
  if (child.stdout !== null) onLines(child.stdout, (line) => accessLog.push(line))
  try {
    const port = await listeningPort(child, logFile)
    const host = `127.0.0.1:${port}`
    const url = `${options.tls === undefined ? 'http' : 'https'}://${host}`
    await untilAnswers(url, options, child)
    return {
      url,
      host,
      rootDirectory,
      accessLog,
      requests: () => finishedRequests(logFile, options),
      collectGarbage: async () => void (await promisify(execFile)('docker-registry', ['garbage-collect', file])),
      pid: child.pid ?? 0,
      async [Symbol.asyncDispose]() {
        await end(child)
        await directory[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await end(child)
    throw new Error(`docker-registry did not start:\n${(await readLines(logFile)).slice(-20).join('\n')}`, { cause: error })
  }
}

async function configure(directory: TempDir, rootdirectory: string, options: DockerRegistryOptions): Promise<object> {
  const { tls, htpasswd, token } = options
  return {
    version: '0.1',
    log: { accesslog: { disabled: false }, ...(options.logRequests === true ? { level: 'debug', formatter: 'json' } : { level: 'info' }) },
    storage: {
      filesystem: { rootdirectory },
      delete: { enabled: options.noDeletion !== true },
      maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: options.readOnly ?? false } },
    },
    http: {
      addr: '127.0.0.1:0',
      // the log line with the port shows the bound address
      secret: 'k3s-mirror-test',
      relativeurls: options.relativeUrls ?? false,
      ...(tls !== undefined && {
        tls: {
          certificate: await directory.write('server.pem', tls.certificate),
          key: await directory.write('server-key.pem', tls.key),
          ...(tls.clientCa !== undefined && { clientcas: [await directory.write('client-ca.pem', tls.clientCa)] }),
        },
      }),
    },
    // foreign layers name the place they come from
    validation: { enabled: true, manifests: { urls: { allow: ['^https?://'] } } },
    ...((htpasswd !== undefined || token !== undefined) && {
      auth: {
        ...(htpasswd !== undefined && {
          htpasswd: { realm: 'k3s-mirror test', path: await directory.write('htpasswd', await htpasswdFile(htpasswd)) },
        }),
        ...(token !== undefined && {
          token: {
            realm: token.realm,
            service: token.service,
            issuer: token.issuer,
            rootcertbundle: await directory.write('tokens.pem', token.certificate),
          },
        }),
      },
    }),
  }
}

async function htpasswdFile(passwords: Readonly<Record<string, string>>): Promise<string> {
  const lines = await Promise.all(Object.entries(passwords).map(async ([user, password]) => `${user}:${await hash(password, 4)}\n`))
  return lines.join('')
}

/** The log goes to a file and not through a pipe: what stood in it before an answer came can be read at once. */
function spawnRegistry(configFile: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    return spawn('docker-registry', ['serve', configFile], { stdio: ['ignore', 'pipe', log], env: { PATH: process.env['PATH'] } })
  } finally {
    closeSync(log)
  }
}

async function readLines(file: string): Promise<readonly string[]> {
  return (await readFile(file, 'utf8')).split('\n')
}

async function listeningPort(child: ChildProcess, logFile: string): Promise<number> {
  let failure: Error | undefined
  child.once('error', (error) => (failure = error))
  child.once('exit', (code, signal) => (failure = new Error(`ended with ${code ?? signal}`)))
  for (;;) {
    if (failure !== undefined) throw failure
    const port = /listening on 127\.0\.0\.1:([1-9][0-9]*)/.exec(await readFile(logFile, 'utf8'))?.[1]
    if (port !== undefined) return Number(port)
    await sleep(5)
  }
}

/** A request's first line is written before its answer, its last one may be written after it. */
async function finishedRequests(logFile: string, { logRequests }: DockerRegistryOptions): Promise<readonly RegistryRequest[]> {
  if (logRequests !== true) throw new Error('the registry was started without logRequests')
  for (const start = Date.now(); ;) {
    const { requests, open } = readRequests(await readLines(logFile))
    if (open === 0) return requests
    if (Date.now() - start > 10_000) throw new Error(`${open} requests have not ended`)
    await sleep(5)
  }
}

async function untilAnswers(url: string, options: DockerRegistryOptions, child: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    try {
      await plainRequest(`${url}/v2/`)
      return
    } catch (error) {
      // a registry that demands a client certificate has answered by refusing ours
      if (options.tls?.clientCa !== undefined && !/ECONNREFUSED/.test(String(error))) return
      if (attempt === 100) throw error
      await sleep(20)
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
