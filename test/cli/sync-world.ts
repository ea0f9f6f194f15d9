import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { tinyIndex, type TinyImage } from '../layout/tiny-image.ts'
import { fileServer, type Answer } from '../release/file-server.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { runCli, startCli, type CliOptions, type CliResult, type RunningCli } from '../servers/run-cli.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** A source with images, a channel server with a release, and two destinations. */
export interface SyncWorld extends AsyncDisposable {
  readonly source: MemoryRegistry
  readonly destinations: readonly [MemoryRegistry, MemoryRegistry]
  readonly directory: TempDir
  /** The URL below which channels and release files are. */
  readonly releases: string
  /** Paths that were asked for at the channel server. */
  readonly asked: readonly string[]
  /** Makes a release of these images, `rancher/<name>:1`, each new to the source unless it has it. */
  release(tag: string, names: readonly string[]): void
  /** Lets the channel `stable` lead to a release. */
  channel(tag: string): void
  /** Writes `sync.yaml`; keys that every test needs are in its defaults. */
  config(entries: string, more?: string): Promise<string>
  sync(more?: readonly string[], options?: CliOptions): Promise<CliResult>
  start(more?: readonly string[], options?: CliOptions): Promise<RunningCli>
}

/** Validates documents against a schema of the package. */
export function schemaOf(name: string): ValidateFunction {
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object
  return new Ajv2020({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema)
}

/** Starts the servers, with the release v1.36.3+k3s1 of one image on the channel `stable`. */
export async function syncWorld(): Promise<SyncWorld> {
  const answers: Record<string, Answer> = {}
  const [source, first, second, server, directory] = await Promise.all([
    memoryRegistry(),
    memoryRegistry(),
    memoryRegistry(),
    fileServer(answers),
    tempDir(),
  ])
  const known = new Map<string, TinyImage>()
  const world: SyncWorld = {
    source,
    destinations: [first, second],
    directory,
    releases: server.url,
    get asked() {
      return server.requests.map(({ url }) => url)
    },
    release(tag, names) {
      for (const name of names.filter((one) => !known.has(one))) {
        const image = tinyIndex()
        known.set(name, image)
        source.hold(`rancher/${name}`, '1', image)
      }
      answers[`/${tag.replace('+', '%2B')}/k3s-images.txt`] = names.map((name) => `docker.io/rancher/${name}:1\n`).join('')
    },
    channel(tag) {
      const location = `https://github.com/k3s-io/k3s/releases/tag/${tag}`
      answers['/channels/stable'] = { status: 302, headers: { location } }
    },
    config: (entries, more = '') =>
      directory.write(
        'sync.yaml',
        `schemaVersion: 1
${more}
defaults:
  to: ${first.url}/mirror
  from:
    docker.io: ${source.url}
  artifactUrl: ${server.url}
  channelUrl: ${server.url}/channels
  retries: 0
sync:
${entries}
`,
      ),
    sync: (more = [], options = {}) => runCli(['sync', '--config', `${directory.path}/sync.yaml`, ...more], options),
    start: (more = [], options = {}) => startCli(['sync', '--config', `${directory.path}/sync.yaml`, ...more], options),
    async [Symbol.asyncDispose]() {
      await Promise.all([source, first, second, server, directory].map((one) => one[Symbol.asyncDispose]()))
    },
  }
  world.release('v1.36.3+k3s1', ['one'])
  world.channel('v1.36.3+k3s1')
  return world
}
