import assert from 'node:assert/strict'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { describe, it, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundleCli, packagesOf } from '../../scripts/build-cli.ts'
import { needsNode } from '../servers/cli-command.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { oneImage } from './one-image.ts'
import { stop, untilServing } from './serve-cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { outputs } = await bundleCli({ write: false })

/** What a process has loaded. */
interface Loaded {
  /** Packages of others, bundled or not. */
  readonly packages: readonly string[]
  /** Files of src. */
  readonly modules: readonly string[]
  /** How many files were read for that. */
  readonly files: number
}

/** Runs the program so that V8 reports every script that it has loaded, whichever way. */
async function loadedBy(run: (env: Readonly<Record<string, string>>) => Promise<unknown>): Promise<Loaded> {
  await using directory = await tempDir()
  await mkdir(`${directory.path}/coverage`)
  await run({ NODE_V8_COVERAGE: `${directory.path}/coverage` })
  const [file, ...more] = await readdir(`${directory.path}/coverage`)
  assert.ok(file !== undefined && more.length === 0, 'not exactly one process has reported what it loaded')
  const { result } = JSON.parse(await readFile(`${directory.path}/coverage/${file}`, 'utf8')) as { result: readonly { url: string }[] }
  const files = result.filter(({ url }) => url.startsWith('file:')).map(({ url }) => relative(root, fileURLToPath(url)))
  const inputs = files.flatMap((path) => {
    const chunk = outputs[path]
    assert.ok(chunk !== undefined || path.startsWith('node_modules/'), `${path} is not of this source: run npm run build`)
    return chunk === undefined ? [path] : Object.keys(chunk.inputs)
  })
  return { packages: packagesOf(inputs), modules: inputs.filter((path) => path.startsWith('src/')).toSorted(), files: files.length }
}

/** Fails with the list where more is loaded than was agreed on. */
function assertLoaded(
  { packages, modules, files }: Loaded,
  agreed: { readonly packages: readonly string[]; readonly modules: number; readonly files: number },
): void {
  assert.deepEqual(packages, agreed.packages)
  assert.ok(files <= agreed.files, `${files} files in place of ${agreed.files}`)
  assert.ok(modules.length <= agreed.modules, `${modules.length} modules in place of ${agreed.modules}:\n${modules.join('\n')}`)
}

const skip = needsNode('they list the modules of dist')

describe('start-up', { skip }, () => {
  const definitions = { packages: ['commander'], modules: 46, files: 3 }

  it('loads commander and the definitions of commands for --version', async () => {
    assertLoaded(await loadedBy((env) => runCli(['--version'], { env })), definitions)
  })

  it('loads no more for --help of a command', async () => {
    assertLoaded(await loadedBy((env) => runCli(['mirror', '--help'], { env })), definitions)
  })

  it('loads for a mirror with nothing to do what it needs', async () => {
    await using registries = await oneImage()
    await registries.run()
    const loaded = await loadedBy((env) => registries.run([], { env }))
    const packages = ['commander', 'p-limit', 'parse-ms', 'pretty-bytes', 'pretty-ms', 'yocto-queue']
    assertLoaded(loaded, { packages, modules: 162, files: 11 })
  })
})

test('nothing of a Docker Engine is loaded by runs that need none', { skip }, async () => {
  await using registries = await oneImage()
  await using directory = await tempDir()
  const registriesFile = await directory.write('registries.yaml', 'mirrors:\n  docker.io:\n    endpoint: ["https://mirror.example.com"]\n')
  const bundle = `${directory.path}/images.tar`
  const from = ['--from', `docker.io=${registries.source.url}`]
  const to = ['--to', registries.destination.url]
  const runs: readonly (readonly string[])[] = [
    ['mirror', 'docker.io/acme/app:1', ...from, ...to],
    ['verify', 'docker.io/acme/app:1', ...to],
    ['bundle', 'create', bundle, 'docker.io/acme/app:1', ...from],
    ['bundle', 'push', bundle, ...to],
    ['registries', 'lint', registriesFile],
    ['registries', 'resolve', 'docker.io/acme/app:1', '--registries', registriesFile],
    ['registries', 'render', '--registries', registriesFile, '--out', `${directory.path}/etc`],
    ['registries', 'generate', 'docker.io/acme/app:1', ...to],
  ]
  const packages = new Set<string>()
  for (const args of runs) {
    const loaded = await loadedBy(async (env) => {
      const { status, stderr } = await runCli(args, { env })
      assert.equal(status, 0, stderr)
    })
    for (const name of loaded.packages) packages.add(name)
  }
  const served = await loadedBy(async (env) =>
    stop(await untilServing(startCli(['serve', bundle, '--listen', '127.0.0.1:0'], { env })), 'SIGTERM'),
  )
  for (const name of served.packages) packages.add(name)
  const ofEngines = [...packages].filter((name) =>
    /^(?:debug|docker-modem|dockerode|protobufjs|ssh2|@grpc\/.*|@protobufjs\/.*)$/.test(name),
  )
  assert.deepEqual(ofEngines, [])
})
