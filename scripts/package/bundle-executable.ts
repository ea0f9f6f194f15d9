import { join } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { projectRoot, versionOfPackage } from '../build-cli.ts'

/** One CommonJS file with the whole command line, as a single executable application needs it. */
export interface ExecutableBundle {
  readonly code: Uint8Array
  readonly metafile: Metafile
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

async function bundleWorker(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: projectRoot,
    entryPoints: ['src/registry-server/bcrypt-worker.ts'],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    minify: true,
    legalComments: 'none',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** Replaces the modules that read a file next to their own: an executable has none. */
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

/** Bundles the command line into one file; `commit` is what `version` prints. */
export async function bundleExecutable(commit: string | undefined): Promise<ExecutableBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: ['src/cli/main.ts'],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    // The script of an executable can only require builtin modules.
    supported: { 'dynamic-import': false },
    plugins: [withoutUnused, versionOfPackage, embedFiles(await bundleWorker(), commit)],
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    write: false,
  })
  const code = outputFiles[0]?.contents
  if (code === undefined) throw new Error('esbuild wrote no bundle')
  return { code, metafile }
}
