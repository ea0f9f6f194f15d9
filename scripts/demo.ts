/**
 * A complete run without a network: local servers replace Docker Hub and K3s' release servers, and the built program mirrors a release from them.
 * Exits with 1 at the first step that fails.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { fileURLToPath } from 'node:url'
import { openLayout, readLayout } from '../src/layout/open-layout.ts'
import { createRegistryServer, type AccessRecord } from '../src/registry-server/registry-server.ts'
import { compareRelease } from '../test/servers/compare-release.ts'
import { onLines } from '../test/servers/lines.ts'
import { listen } from '../test/servers/listen.ts'
import { shapesFor } from '../test/servers/release-shapes.ts'
import { makeRelease, pushRelease, type SeededRelease } from '../test/servers/seed-release.ts'
import { tempDir, type TempDir } from '../test/servers/temp-dir.ts'

const release = 'v1.37.1+k3s1'
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const realList = new URL(`../fixtures/release/k3s-images.${release}.txt`, import.meta.url)

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function title(text: string): void {
  print(`\n# ${text}`)
}

/** A word, quoted for a shell where necessary. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`
}

/** A registry with generated images under the names of the list, which replaces Docker Hub. */
async function startDockerHub(
  directory: string,
  images: SeededRelease,
): Promise<{ readonly url: string; readonly log: AccessRecord[] } & AsyncDisposable> {
  const layout = await openLayout(directory, { durable: false })
  const log: AccessRecord[] = []
  const server = createRegistryServer({ layout, writable: true, registry: 'docker.io', onRequest: (record) => log.push(record) })
  const { url } = await server.listen('127.0.0.1', 0)
  await pushRelease(url, images)
  log.length = 0
  return {
    url,
    log,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await layout.close()
    },
  }
}

/** A file server with the release's files and the channel `stable`, which replaces github.com and update.k3s.io. */
async function startReleaseServer(list: Buffer): Promise<{ readonly url: string } & AsyncDisposable> {
  const sha256 = createHash('sha256').update(list).digest('hex')
  const tag = encodeURIComponent(release)
  const files = new Map<string, Buffer | string>([
    [`/download/${tag}/k3s-images.txt`, list],
    [`/download/${tag}/sha256sum-amd64.txt`, `${sha256}  k3s-images.txt\n`],
  ])
  const answer: RequestListener = ({ url = '' }, response) => {
    const file = files.get(url)
    if (url === '/channels/stable') response.writeHead(302, { location: `/tag/${tag}` }).end()
    else response.writeHead(file === undefined ? 404 : 200, { 'content-type': 'text/plain' }).end(file ?? 'Not Found\n')
  }
  const { port, close } = await listen(createServer(answer))
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}

/** Starts the built program as a user would, but without this user's own configuration and proxies. */
function start(args: readonly string[], environment: Readonly<Record<string, string>>, stdio: StdioOptions): ChildProcess {
  print(`$ k3s-mirror ${args.map(quoted).join(' ')}`)
  const kept = ['PATH', 'TERM', 'COLORTERM', 'NO_COLOR', 'FORCE_COLOR', 'CI', 'LANG'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return spawn(process.execPath, [program, ...args], { env: { ...Object.fromEntries(kept), ...environment }, stdio })
}

async function ended(child: ChildProcess, expected: number): Promise<void> {
  const [status, signal] =
    child.exitCode === null && child.signalCode === null
      ? ((await once(child, 'exit')) as [number | null, NodeJS.Signals | null])
      : [child.exitCode, child.signalCode]
  if (status !== expected) throw new Error(`the command exited with ${signal ?? status} instead of ${expected}`)
}

/** `k3s-mirror serve --writable` in its own process: the private registry. */
async function startPrivateRegistry(
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly host: string; stop(): Promise<void> } & AsyncDisposable> {
  const child = start(['serve', directory, '--writable', '--listen', '127.0.0.1:0'], environment, ['ignore', 'inherit', 'pipe'])
  const host = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status) => reject(new Error(`serve exited with ${status}`)))
    if (child.stderr === null) return
    onLines(child.stderr, (line) => {
      process.stderr.write(`${line}\n`)
      const found = /at http:\/\/(\S+)/.exec(line)?.[1]
      if (found !== undefined) resolve(found)
    })
  })
  return {
    host,
    async stop() {
      child.kill('SIGTERM')
      await ended(child, 0)
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Reads every blob of the layout again and compares each image's manifest with the seeded one. */
async function compareLayout(directory: string, images: SeededRelease): Promise<void> {
  const layout = await readLayout(directory)
  for (const { repository, tag, index } of images.images) {
    const found = await layout.getManifest({ registry: 'docker.io', path: repository, tag })
    if (found.descriptor.digest !== index.digest)
      throw new Error(`${repository}:${tag} has the digest ${found.descriptor.digest} in the layout`)
  }
  for (const digest of images.blobs.keys()) {
    if (!(await layout.verifyBlob(digest as `sha256:${string}`))) throw new Error(`${digest} is missing or damaged in the layout`)
  }
}

/** A tag of the release moves at Docker Hub. */
async function secondMonth({
  run,
  hub,
  images,
  selection,
  to,
  lock,
}: {
  readonly run: (args: readonly string[], expected?: number) => Promise<void>
  readonly hub: { readonly url: string }
  readonly images: SeededRelease
  readonly selection: readonly string[]
  readonly to: readonly string[]
  readonly lock: string
}): Promise<void> {
  const [destination = ''] = to.slice(1)
  const from = selection.slice(2)
  title('9. A month later: lock the digests. Then a tag moves at Docker Hub, and diff shows it.')
  await run(['lock', ...selection, '--out', lock])
  const shapes = shapesFor(images.images.map(({ reference }) => reference)).slice(0, 1)
  await pushRelease(hub.url, makeRelease({ scale: 0.01, salt: 'a month later', images: shapes }))
  await run(['diff', lock, 'stable', ...from])

  title('10. Refuse moved tags, or replace them and say so. Then see which tags no kept release names.')
  await run(['mirror', ...selection, ...to, '--if-changed', 'fail', '--quiet'], 3)
  await run(['mirror', ...selection, ...to])
  await run(['prune', '--to', destination, '--keep', 'stable'])
}

async function demo(home: TempDir): Promise<void> {
  const list = await readFile(realList)
  const images = makeRelease({ scale: 0.01, images: shapesFor(list.toString('utf8').trim().split('\n')) })
  await using hub = await startDockerHub(`${home.path}/docker-hub`, images)
  await using releases = await startReleaseServer(list)
  const environment = {
    HOME: home.path,
    DOCKER_CONFIG: home.path,
    INSTALL_K3S_ARTIFACT_URL: `${releases.url}/download`,
    INSTALL_K3S_CHANNEL_URL: `${releases.url}/channels`,
  }
  const run = (args: readonly string[], expected = 0): Promise<void> => ended(start(args, environment, 'inherit'), expected)
  const from = ['--from', `docker.io=${hub.url}`]
  const selection = ['--release', 'stable', ...from]

  print(`This demo needs no network. A local registry at ${hub.url} replaces Docker Hub: it has small generated`)
  print(
    `images with the ${images.images.length} names of the real K3s release ${release}. A local file server replaces K3s' release servers:\n`,
  )
  print(`$ export INSTALL_K3S_ARTIFACT_URL=${environment.INSTALL_K3S_ARTIFACT_URL}`)
  print(`$ export INSTALL_K3S_CHANNEL_URL=${environment.INSTALL_K3S_CHANNEL_URL}`)

  title('1. List the images of the newest stable release.')
  await run(['images', '--release', 'stable'])

  title('2. Start a private registry. Any registry works; here k3s-mirror itself serves a directory.')
  await using registry = await startPrivateRegistry(`${home.path}/private`, environment)
  const to = ['--to', `${registry.host}/mirror`]

  title('3. Show what would be copied. Nothing is copied yet.')
  await run(['plan', ...selection, ...to])

  title('4. Mirror: all platforms, every byte verified against its digest.')
  await run(['mirror', ...selection, ...to])

  title('5. Mirror again: all images are up to date. Docker Hub gets one HEAD request an image, which does not count as a pull.')
  hub.log.length = 0
  await run(['mirror', ...selection, ...to])
  const reads = hub.log.filter(({ method }) => method !== 'HEAD')
  if (reads.length > 0) throw new Error(`the source was read again: ${reads.map(({ method, url }) => `${method} ${url}`).join(', ')}`)

  title('6. Write the registries.yaml for the nodes, and check that a node can pull every image with it.')
  const file = `${home.path}/registries.yaml`
  await run(['registries', 'generate', '--release', 'stable', ...to, '--out', file])
  await run(['verify', '--release', 'stable', '--as-node', '--registries', file])

  title('7. Air gap: write one file, carry it across, and push it to the registry there. Here it is the same one, so nothing is copied.')
  const bundle = `${home.path}/k3s.tar.zst`
  await run(['bundle', 'create', bundle, ...selection])
  await run(['bundle', 'push', bundle, ...to])

  title('8. Mirror into a directory, an OCI layout, for example on a portable disk.')
  await run(['mirror', ...selection, '--to', `oci:${home.path}/k3s-images`])

  await compareRelease(`http://${registry.host}`, 'mirror/', images)
  await compareLayout(`${home.path}/k3s-images`, images)
  await secondMonth({ run, hub, images, selection, to, lock: `${home.path}/k3s.lock.yaml` })
  await registry.stop()
  const manifests = images.images.reduce((count, { manifests: children }) => count + children.length + 1, 0)
  print(
    `\nVerified: all ${images.images.length} images, with ${manifests} manifests and ${images.blobs.size} blobs, were read back from the registry and the directory,` +
      ' and every digest matches the published one.',
  )
}

if (!existsSync(program)) throw new Error('dist/cli/main.js is missing: run npm run build')
// The running program gets Ctrl-C too and exits; then the servers of the demo are stopped in order.
process.on('SIGINT', () => undefined)
try {
  await using home = await tempDir()
  await demo(home)
} catch (error) {
  process.stderr.write(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
