import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isolateConfig } from './containerd-config.ts'
import { readAttempts, type RegistryAttempt } from './containerd-log.ts'
import { clearRemains } from './containerd-remains.ts'
import { openCriClient, type CriClient, type CriImage, type PullCredentials } from './cri-client.ts'
import { ctrImport, ctrPull, ctrRemove, ctrRun, type CtrPlace, type CtrPull, type CtrPullOptions, type PulledImage } from './ctr.ts'
import { startNameProxy, type NameProxy } from './name-proxy.ts'
import { endProcess, hasEnded } from './server-process.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

/** How containerd is set up; by default it pulls from where references point, and finds nothing outside this machine. */
export interface ContainerdOptions {
  /** The text of a config.toml, version 1 or 2, whole or only its registry section; `isolateConfig` lists what is replaced in it. */
  readonly config?: string
  /** The certs.d for the CRI plugin, in the place of the `config_path` of a node. */
  readonly hostsDir?: string
  /** `registry-1.docker.io:443` → `127.0.0.1:<port>`: hosts that can be reached in addition to those of this machine. */
  readonly names?: Readonly<Record<string, string>>
  /** PEM of the authorities that the machine is to trust, in the place of its own. */
  readonly systemCa?: string
}

/** A running containerd with its CRI plugin; disposing of it ends it with its containers and removes all that it had. */
export interface Containerd extends AsyncDisposable {
  readonly socket: string
  readonly pid: number
  /** `host:port` of everything outside this machine that was asked for, by containerd or by `ctrPull`, known or not. */
  readonly asked: readonly string[]
  /** Its log so far, at level debug; no password stands in it. */
  log(): readonly string[]
  /** The requests to registries that it has sent so far, in order. Those of `ctrPull` are ctr's own. */
  attempts(): readonly RegistryAttempt[]
  /** The CRI plugin's configuration as it was understood; it holds passwords. */
  criConfig(): Promise<Readonly<Record<string, unknown>>>
  /** Pulls as `ctr` does, which reads a certs.d and knows nothing of config.toml. */
  ctrPull(reference: string, options?: CtrPullOptions): Promise<CtrPull>
  /** Pulls as a kubelet does, through PullImage; `id` is the digest of the image's configuration. */
  criPull(reference: string, auth?: PullCredentials): Promise<PulledImage & { readonly id: string }>
  /** Undefined when the CRI plugin has no such image. */
  criImageStatus(reference: string): Promise<CriImage | undefined>
  /** Forgets an image and its content, so that the next pull asks for everything again. */
  removeImage(image: PulledImage): Promise<void>
  /** Imports all platforms of an archive as `ctr` does, into the namespace `default`, and gives what ctr said. */
  importArchive(file: string): Promise<string>
  /** Runs a program of the image in a container, with flags of `ctr run`, and gives its standard output; any other exit status than 0 rejects. */
  run(image: PulledImage, args: readonly string[], flags?: readonly string[]): Promise<string>
}

/** Milliseconds that containerd may take to start, and to end. */
const patience = 10_000

/** Starts Debian's containerd (1.6) as root and waits until its CRI plugin answers; rejects with its own words when it does not load. */
export async function startContainerd(options: ContainerdOptions = {}): Promise<Containerd> {
  if (options.config !== undefined) await dumpContainerdConfig(options.config)
  const directory = await tempDir()
  const outside = await startNameProxy(options.names)
  try {
    return await start(directory, outside, options)
  } catch (error) {
    await outside[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
    throw error
  }
}

/** Has containerd load a config.toml as it is, starting nothing, and gives the whole of what it understood as TOML. */
export async function dumpContainerdConfig(text: string): Promise<string> {
  await using directory = await tempDir()
  const file = await directory.write('config.toml', text)
  const { stdout } = await promisify(execFile)('containerd', ['--config', file, 'config', 'dump'], { timeout: patience })
  return stdout
}

async function start(directory: TempDir, outside: NameProxy, options: ContainerdOptions): Promise<Containerd> {
  const socket = `${directory.path}/containerd.sock`
  const { hostsDir } = options
  const config = isolateConfig(options.config ?? '', { directory: directory.path, socket, ...(hostsDir !== undefined && { hostsDir }) })
  const configFile = await directory.write('config.toml', config)
  const logFile = await directory.write('log', '')
  const env = await environment(directory, outside, options.systemCa)
  const child = spawnContainerd(configFile, logFile, env)
  // a program that is not there shows by having no pid
  child.on('error', () => undefined)
  const log = (): readonly string[] => readLog(logFile)
  let cri: CriClient | undefined
  try {
    await untilListening(socket, child)
    cri = openCriClient(socket)
    await untilReady(cri, child)
    return running({ child, cri, outside, directory, log, place: { socket, directory: directory.path, env } })
  } catch (error) {
    cri?.[Symbol.dispose]()
    await endProcess(child, patience)
    throw new Error(`containerd did not start: ${problems(log())}`, { cause: error })
  }
}

interface Parts {
  readonly child: ChildProcess
  readonly cri: CriClient
  readonly outside: NameProxy
  readonly directory: TempDir
  readonly log: () => readonly string[]
  readonly place: CtrPlace
}

function running({ child, cri, outside, directory, log, place }: Parts): Containerd {
  return {
    socket: place.socket,
    pid: child.pid ?? 0,
    asked: outside.asked,
    log,
    attempts: () => readAttempts(log()),
    criConfig: () => cri.config(),
    ctrPull: (reference, options) => ctrPull(place, reference, options),
    async criPull(reference, auth) {
      const id = await cri.pullImage(reference, auth)
      const image = await cri.imageStatus(id)
      // the CRI plugin completes references, ctr does not
      const name = image?.repoTags[0] ?? image?.repoDigests[0]
      if (name === undefined) throw new Error(`the image pulled for ${reference} has no name`)
      return { namespace: 'k8s.io', name, id }
    },
    criImageStatus: (reference) => cri.imageStatus(reference),
    removeImage: (image) => (image.namespace === 'default' ? ctrRemove(place, image) : cri.removeImage(image.name)),
    importArchive: (file) => ctrImport(place, file),
    run: (image, args, flags) => ctrRun(place, image, args, flags),
    async [Symbol.asyncDispose]() {
      cri[Symbol.dispose]()
      await endProcess(child, patience)
      await outside[Symbol.asyncDispose]()
      await clearRemains(place.socket, `${directory.path}/state`)
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** Go programs trust SSL_CERT_FILE and SSL_CERT_DIR in the place of the system's certificates. */
async function environment(directory: TempDir, outside: NameProxy, systemCa: string | undefined): Promise<NodeJS.ProcessEnv> {
  const [temporary, certificates] = [`${directory.path}/tmp`, `${directory.path}/certificates`]
  await Promise.all([mkdir(temporary), mkdir(certificates), mkdir(`${directory.path}/fifo`)])
  return {
    PATH: process.env['PATH'],
    TMPDIR: temporary,
    HTTP_PROXY: outside.url,
    HTTPS_PROXY: outside.url,
    ...(systemCa !== undefined && { SSL_CERT_FILE: await directory.write('system-ca.pem', systemCa), SSL_CERT_DIR: certificates }),
  }
}

/** The log goes to a file and not through a pipe: what stood in it before an answer came can be read at once. */
function spawnContainerd(configFile: string, logFile: string, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    return spawn('containerd', ['--config', configFile], { stdio: ['ignore', log, log], env })
  } finally {
    closeSync(log)
  }
}

function readLog(file: string): readonly string[] {
  // the one line that shows the configuration may show passwords
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.includes('Start cri plugin with config'))
}

function problems(log: readonly string[]): string {
  const unrelated = /devmapper|failed to load cni/
  return log.filter((line) => /level=(warning|error|fatal)|^containerd: /.test(line) && !unrelated.test(line)).join('\n')
}

async function untilListening(socket: string, child: ChildProcess): Promise<void> {
  await until(child, async () => {
    const connection = connect(socket)
    await once(connection, 'connect').finally(() => connection.destroy())
  })
}

async function untilReady(cri: CriClient, child: ChildProcess): Promise<void> {
  await until(child, async () => void (await cri.config()))
}

/** Tries again until it works, containerd ends, or it says that it has no CRI plugin. */
async function until(child: ChildProcess, attempt: () => Promise<void>): Promise<void> {
  for (const start = Date.now(); ;) {
    try {
      return await attempt()
    } catch (error) {
      if (child.pid === undefined || hasEnded(child)) throw new Error('it has ended', { cause: error })
      if (String(error).includes('unknown service') || Date.now() - start > patience) throw error
      await sleep(10)
    }
  }
}
