import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readAttempts, type RegistryAttempt } from './containerd-log.ts'

/** Where ctr finds its containerd, and what it is run with. */
export interface CtrPlace {
  readonly socket: string
  /** For the state of runc and the pipes of containers. */
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}

/** An image in one of containerd's namespaces: `default` is that of ctr, `k8s.io` that of the CRI plugin. */
export interface PulledImage {
  readonly namespace: 'default' | 'k8s.io'
  /** Full reference, with the registry and a tag or a digest. */
  readonly name: string
}

/** Options of `ctr images pull`, without passwords, which ctr accepts only as an argument. */
export interface CtrPullOptions {
  /** A certs.d; without it ctr asks the reference's own registry. */
  readonly hostsDir?: string
  /** `linux/arm64`; default: this machine's. */
  readonly platform?: string
  readonly allPlatforms?: boolean
}

/** An image that ctr pulled, and the requests that it sent, in order: ctr itself talks to registries. */
export interface CtrPull extends PulledImage {
  readonly attempts: readonly RegistryAttempt[]
}

/** Pulls by a full reference (`docker.io/rancher/x:1`; ctr completes none) into the namespace `default`. */
export async function ctrPull(place: CtrPlace, reference: string, options: CtrPullOptions = {}): Promise<CtrPull> {
  const flags = [
    ...(options.hostsDir === undefined ? [] : ['--hosts-dir', options.hostsDir]),
    ...(options.platform === undefined ? [] : ['--platform', options.platform]),
    ...(options.allPlatforms === true ? ['--all-platforms'] : []),
  ]
  const { stderr } = await ctr(place, ['--debug', 'images', 'pull', '--snapshotter', 'native', ...flags, reference])
  return { namespace: 'default', name: reference, attempts: readAttempts(stderr.split('\n')) }
}

/** Imports all platforms of an archive into the namespace `default`, under the names that it has; gives what ctr said. */
export async function ctrImport(place: CtrPlace, file: string): Promise<string> {
  return (await ctr(place, ['images', 'import', '--all-platforms', '--snapshotter', 'native', file])).stdout
}

/** Runs one program of an image in a container with runc and gives its standard output; any other exit status than 0 rejects. */
export async function ctrRun(place: CtrPlace, image: PulledImage, args: readonly string[], flags: readonly string[] = []): Promise<string> {
  // without a control group of its own, because not every machine lets one be made
  const ground = ['--cgroup', '', '--runc-root', `${place.directory}/runc`, '--fifo-dir', `${place.directory}/fifo`]
  const name = `test-${randomUUID()}`
  const run = ['--namespace', image.namespace, 'run', '--rm', '--snapshotter', 'native', ...ground, ...flags, image.name, name, ...args]
  return (await ctr(place, run)).stdout
}

/** Deletes an image, and waits until content and snapshots that only it used are deleted too. */
export async function ctrRemove(place: CtrPlace, image: PulledImage): Promise<void> {
  await ctr(place, ['--namespace', image.namespace, 'images', 'rm', '--sync', image.name])
}

function ctr({ socket, env }: CtrPlace, args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile('ctr', ['--address', socket, ...args], { env, timeout: 60_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ stdout, stderr })
      const lines = stderr.split('\n')
      const said = lines.filter((line) => line.startsWith('ctr: '))
      const attempts = readAttempts(lines).map(({ method, url, status }) => `${method} ${url} ${status ?? 'no answer'}`)
      const what = `ctr ${args.join(' ')} ended with ${error.code ?? error.signal ?? error.message}`
      reject(new Error([what, ...(said.length === 0 ? lines : said), ...attempts].join('\n').trim()))
    })
  })
}
