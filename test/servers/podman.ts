import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { endProcess, untilPinged } from './server-process.ts'
import { socketRequest } from './socket-request.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

/** A running Podman; disposing of it ends it and removes all that it had. */
export interface Podman extends AsyncDisposable {
  /** `unix://<socket>`, for DOCKER_HOST. */
  readonly host: string
  /** Has it pull an image, `host:port/repository`. */
  pull(repository: string, tag: string, platform: string): Promise<void>
  /** Tags of its images, sorted; `<none>` for an image without one. */
  names(): Promise<readonly string[]>
}

/** Milliseconds that Podman may take to start, and to end. */
const patience = 30_000

/** Starts Debian's Podman (4.3) as a service on a socket, as root, with images of its own; it speaks plain HTTP with these `host:port`. */
export async function startPodman(insecure: readonly string[]): Promise<Podman> {
  const directory = await tempDir()
  const socket = `${directory.path}/podman.sock`
  const { child, log } = await spawnPodman(directory, socket, insecure)
  try {
    await untilPinged(socket, child, patience)
  } catch (error) {
    await endProcess(child, patience)
    await directory[Symbol.asyncDispose]()
    throw new Error(`podman did not start:\n${log()}`, { cause: error })
  }
  return {
    host: `unix://${socket}`,
    async pull(repository, tag, platform) {
      const query = new URLSearchParams({ fromImage: repository, tag, platform }).toString()
      const { body } = await socketRequest(socket, `/v1.41/images/create?${query}`, { method: 'POST' })
      if (body.includes('"error"')) throw new Error(body.toString())
    },
    async names() {
      const { body } = await socketRequest(socket, '/v1.41/images/json?all=1')
      const images = JSON.parse(body.toString()) as { RepoTags: string[] | null }[]
      return images.flatMap(({ RepoTags }) => RepoTags ?? ['<none>']).toSorted()
    },
    async [Symbol.asyncDispose]() {
      await endProcess(child, patience)
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** https://github.com/containers/image/blob/v5.23.1/docs/containers-registries.conf.5.md, and everything else in the directory. */
async function spawnPodman(
  directory: TempDir,
  socket: string,
  insecure: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly log: () => string }> {
  const [root, run, temporary, home] = ['root', 'run', 'tmp', 'home'].map((name) => `${directory.path}/${name}`)
  for (const path of [root, run, temporary, `${home}/.config/containers`]) await mkdir(path ?? '', { recursive: true })
  await directory.write('home/.config/containers/policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const registries = insecure.map((location) => `[[registry]]\nlocation = "${location}"\ninsecure = true\n`).join('')
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    TMPDIR: temporary,
    CONTAINERS_REGISTRIES_CONF: await directory.write('registries.conf', registries),
    CONTAINERS_STORAGE_CONF: await directory.write(
      'storage.conf',
      `[storage]\ndriver = "vfs"\nrunroot = "${run}"\ngraphroot = "${root}"\n`,
    ),
  }
  const options = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none', '--tmpdir', temporary ?? '']
  const child = spawn('podman', [...options, 'system', 'service', '--time', '0', `unix://${socket}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
  })
  // a program that is not there shows by having no pid
  child.on('error', () => undefined)
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  return { child, log: () => log }
}
