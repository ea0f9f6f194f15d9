import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { clearEngineRemains, type EngineGround } from './docker-engine-remains.ts'
import { startNameProxy, type NameProxy } from './name-proxy.ts'
import { endProcess, hasEnded, untilPinged } from './server-process.ts'
import { socketRequest } from './socket-request.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

/** How the Docker Engine is set up; by default it finds nothing outside this machine. */
export interface DockerEngineOptions {
  /** Bytes of a file system of its own for the data root, in memory, which may run full; 16 MiB hold the busybox image. */
  readonly dataRootBytes?: number
  /** `host:port` of registries without TLS; those on 127.0.0.0/8 are among them anyway. */
  readonly insecureRegistries?: readonly string[]
  /** `registry-1.docker.io:443` → `127.0.0.1:<port>`: hosts that can be reached in addition to those of this machine. */
  readonly names?: Readonly<Record<string, string>>
  /** PEM of the authorities that the Engine is to trust, in the place of the machine's own. */
  readonly systemCa?: string
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Added to its daemon.json. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** An image as the Engine lists it, without the names that say `<none>`. */
export interface EngineListedImage {
  readonly id: string
  /** As Docker shortens them: `rancher/x:1` for `docker.io/rancher/x:1`. */
  readonly tags: readonly string[]
  /** `rancher/x@sha256:…`. */
  readonly digests: readonly string[]
}

/** A running Docker Engine; disposing of it ends it with its containers and removes all that it had. */
export interface DockerEngine extends AsyncDisposable {
  /** Path of its socket. */
  readonly socket: string
  /** `unix://<socket>`, for DOCKER_HOST. */
  readonly host: string
  readonly pid: number
  readonly dataRoot: string
  /** Name of the control group that its containers run in. */
  readonly controlGroup: string
  /** `host:port` of everything outside this machine that it asked for, known or not. */
  readonly asked: readonly string[]
  /** Its log so far. */
  log(): readonly string[]
  /** Runs the docker command against it, with a configuration of its own; any other exit status than 0 rejects with what it said. */
  docker(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }>
  /** All images, sorted by their id. */
  images(): Promise<readonly EngineListedImage[]>
  /** Kills it in the middle of whatever it does, and waits until it has gone; its containers live on until it is disposed of. */
  kill(): Promise<void>
}

/** Milliseconds that the Engine may take to start, and to end. */
const patience = 30_000

/** Starts Debian's dockerd (20.10, API 1.41, classic image store) as root and waits until it answers; rejects with its own words. */
export async function startDockerEngine(options: DockerEngineOptions = {}): Promise<DockerEngine> {
  const directory = await tempDir()
  const outside = await startNameProxy(options.names)
  const execRoot = `${directory.path}/exec`
  const parts = { directory, outside, ground: { directory: directory.path, execRoot, controlGroup: basename(directory.path) } }
  try {
    return await start(parts, options)
  } catch (error) {
    await clear(parts)
    throw error
  }
}

interface Parts {
  readonly directory: TempDir
  readonly outside: NameProxy
  readonly ground: EngineGround
}

async function start(parts: Parts, options: DockerEngineOptions): Promise<DockerEngine> {
  const { directory, outside, ground } = parts
  const socket = `${directory.path}/docker.sock`
  const dataRoot = `${directory.path}/data`
  await mkdir(dataRoot)
  if (options.dataRootBytes !== undefined) await mountMemory(dataRoot, options.dataRootBytes)
  const settings = await configure(ground, { socket, dataRoot }, options)
  const configFile = await directory.write('daemon.json', JSON.stringify(settings))
  const logFile = await directory.write('log', '')
  const child = spawnEngine(configFile, logFile, await environment(directory, outside, options))
  // a program that is not there shows by having no pid
  child.on('error', () => undefined)
  try {
    await untilPinged(socket, child, patience)
  } catch (error) {
    await endProcess(child, patience)
    throw new Error(`dockerd did not start:\n${readLog(logFile).slice(-20).join('\n')}`, { cause: error })
  }
  const client = await clientPlace(directory)
  return {
    socket,
    host: `unix://${socket}`,
    pid: child.pid ?? 0,
    dataRoot,
    controlGroup: ground.controlGroup,
    asked: outside.asked,
    log: () => readLog(logFile),
    docker: (...args) => runDocker(client, ['--host', `unix://${socket}`, ...args]),
    images: () => listImages(socket),
    kill: () => endProcess(child, patience, 'SIGKILL'),
    async [Symbol.asyncDispose]() {
      // one that does not heed SIGTERM is given ten seconds by dockerd
      if (!hasEnded(child)) await removeContainers(socket).catch(() => undefined)
      await endProcess(child, patience)
      await clear(parts)
    },
  }
}

async function clear({ directory, outside, ground }: Parts): Promise<void> {
  await outside[Symbol.asyncDispose]()
  await clearEngineRemains(ground)
  await directory[Symbol.asyncDispose]()
}

async function mountMemory(path: string, bytes: number): Promise<void> {
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0710`, 'tmpfs', path])
}

/** https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file, in the place of the machine's /etc/docker/daemon.json. */
async function configure(
  { directory, execRoot, controlGroup }: EngineGround,
  { socket, dataRoot }: { readonly socket: string; readonly dataRoot: string },
  options: DockerEngineOptions,
): Promise<object> {
  const { stdout: version } = await promisify(execFile)('dockerd', ['--version'])
  return {
    hosts: [`unix://${socket}`],
    'data-root': dataRoot,
    'exec-root': execRoot,
    pidfile: `${directory}/pid`,
    // the machine's network is nothing to touch
    bridge: 'none',
    iptables: false,
    ip6tables: false,
    'ip-forward': false,
    'userland-proxy': false,
    // without systemd, and in groups that differ from those of another dockerd
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    'cgroup-parent': `/${controlGroup}`,
    'insecure-registries': options.insecureRegistries ?? [],
    features: { 'containerd-snapshotter': false },
    // it would write /etc/docker/key.json; later ones know neither that key nor this setting
    ...(/version 20\./.test(version) && { 'deprecated-key-path': `${directory}/key.json` }),
    ...options.settings,
  }
}

/** Go programs trust SSL_CERT_FILE and SSL_CERT_DIR in the place of the system's certificates. */
async function environment(directory: TempDir, outside: NameProxy, options: DockerEngineOptions): Promise<NodeJS.ProcessEnv> {
  const [temporary, certificates] = [`${directory.path}/tmp`, `${directory.path}/certificates`]
  await Promise.all([mkdir(temporary), mkdir(certificates)])
  const { systemCa } = options
  return {
    PATH: process.env['PATH'],
    HOME: directory.path,
    TMPDIR: temporary,
    HTTP_PROXY: outside.url,
    HTTPS_PROXY: outside.url,
    ...(systemCa !== undefined && { SSL_CERT_FILE: await directory.write('system-ca.pem', systemCa), SSL_CERT_DIR: certificates }),
    ...options.environment,
  }
}

/** The log goes to a file and not through a pipe: what stood in it before an answer came can be read at once. */
function spawnEngine(configFile: string, logFile: string, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    return spawn('dockerd', ['--config-file', configFile], { stdio: ['ignore', log, log], env })
  } finally {
    closeSync(log)
  }
}

function readLog(file: string): readonly string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

async function listImages(socket: string): Promise<readonly EngineListedImage[]> {
  const { body } = await socketRequest(socket, '/images/json?all=1')
  const images = JSON.parse(body.toString()) as { Id: string; RepoTags: string[] | null; RepoDigests: string[] | null }[]
  const named = (names: string[] | null): readonly string[] => (names ?? []).filter((name) => !name.startsWith('<none>')).toSorted()
  return images
    .map(({ Id, RepoTags, RepoDigests }) => ({ id: Id, tags: named(RepoTags), digests: named(RepoDigests) }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function removeContainers(socket: string): Promise<void> {
  const signal = AbortSignal.timeout(patience)
  const { body } = await socketRequest(socket, '/containers/json?all=1', { signal })
  for (const { Id } of JSON.parse(body.toString()) as { Id: string }[]) {
    await socketRequest(socket, `/containers/${Id}?force=1&v=1`, { method: 'DELETE', signal })
  }
}

interface ClientPlace {
  readonly program: string
  readonly env: NodeJS.ProcessEnv
}

/** Docker's own client from version 29 on does not speak to a 20.10, so Debian's comes first. */
async function clientPlace(directory: TempDir): Promise<ClientPlace> {
  const home = `${directory.path}/client`
  await mkdir(home)
  const program = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker'
  return { program, env: { PATH: process.env['PATH'], HOME: home, DOCKER_CONFIG: home } }
}

function runDocker({ program, env }: ClientPlace, args: readonly string[]): ReturnType<DockerEngine['docker']> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, timeout: 120_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ stdout, stderr })
      const what = `docker ${args.slice(2).join(' ')} ended with ${error.code ?? error.signal ?? error.message}`
      reject(new Error(`${what}\n${stdout}${stderr}`.trim()))
    })
  })
}
