import { basename, join } from 'node:path'
import { build, transform, type Metafile, type Plugin } from 'esbuild'
import { cliBundle, projectRoot } from '../build-cli.ts'

/** The command line as the scripts of a single executable application. */
export interface ExecutableBundle {
  /** The script that the executable runs. */
  readonly main: string
  /** The parts that it loads when they are needed, by name. */
  readonly parts: ReadonlyMap<string, string>
  /** Every file that is in one of them. */
  readonly inputs: readonly string[]
}

/** Never called: the embedded Node has zstd, and of dockerode only its HTTP client is used. */
const unused = /^(?:@bokuweb\/zstd-wasm|zstddec\/stream|ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs)$/

const withoutUnused: Plugin = {
  name: 'without-unused',
  setup(bundle) {
    bundle.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: 'unused' }))
    bundle.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {}' }))
  },
}

async function bundleWorker(): Promise<{ readonly code: string; readonly inputs: Metafile['inputs'] }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: ['src/registry-server/bcrypt-worker.ts'],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
  })
  return { code: outputFiles[0]?.text ?? '', inputs: metafile.inputs }
}

/** Replaces the modules that read a file next to their own, because an executable is a single file. */
function embedFiles(worker: string, commit: string | undefined): Plugin {
  const contents: Readonly<Record<string, string>> = {
    'src/cli/files/built-commit.ts': `export const builtCommit = async () => ${JSON.stringify(commit)}`,
    'src/registry-server/bcrypt-thread.ts': [
      "import { Worker } from 'node:worker_threads'",
      `export const startBcryptThread = () => new Worker(${JSON.stringify(worker)}, { eval: true })`,
    ].join('\n'),
  }
  return {
    name: 'embed-files',
    setup(bundle) {
      for (const [path, text] of Object.entries(contents)) {
        const file = join(projectRoot, path)
        bundle.onLoad({ filter: /(?:built-commit|bcrypt-thread)\.ts$/ }, (loaded) =>
          loaded.path === file ? { contents: text } : undefined,
        )
      }
    },
  }
}

/** Loads parts of the program from the assets of the executable, whose own `require` knows only the modules of Node. */
const loader = `
const { getAsset } = require('node:sea')
const { compileFunction } = require('node:vm')
const loaded = new Map()
function load(name) {
  if (!name.startsWith('./')) return require(name)
  let module = loaded.get(name)
  if (module === undefined) {
    module = { exports: {} }
    loaded.set(name, module)
    compileFunction(getAsset(name, 'utf8'), ['require', 'module', 'exports'], { filename: name })(load, module, module.exports)
  }
  return module.exports
}
load('./main.js')
`

/** Bundles the command line; `commit` is what `version` prints. */
export async function bundleExecutable(commit: string | undefined): Promise<ExecutableBundle> {
  const worker = await bundleWorker()
  const { outputFiles, metafile } = await build({
    ...cliBundle,
    entryPoints: { main: 'src/cli/main.ts' },
    target: 'node22',
    plugins: [withoutUnused, embedFiles(worker.code, commit), ...cliBundle.plugins],
    minify: true,
    metafile: true,
    write: false,
  })
  const parts = new Map<string, string>()
  for (const { path, text } of outputFiles) {
    // A script of an executable has neither import nor import().
    const { code } = await transform(text, { format: 'cjs', target: 'node22', supported: { 'dynamic-import': false }, minify: true })
    parts.set(`./${basename(path)}`, code)
  }
  return { main: loader, parts, inputs: [...Object.keys(metafile.inputs), ...Object.keys(worker.inputs)] }
}
