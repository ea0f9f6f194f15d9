/** Bundles the command line into `dist/cli`: one file for `--help` and `--version`, and those of a command beside it, loaded when it runs. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type BuildResult, type Metafile } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Loaded from `node_modules` where they are needed: dockerode brings native parts, debug belongs to it, and zstd-wasm reads a file that lies beside it. */
const external = ['dockerode', 'debug', '@bokuweb/zstd-wasm']

/** Makes the bundle; with `write: false` only says what would be in it. */
export async function bundleCli({ write }: { readonly write: boolean }): Promise<Metafile> {
  const result: BuildResult<{ metafile: true }> = await build({
    absWorkingDir: root,
    // A worker is started by the address of its file, which has to lie beside every chunk.
    entryPoints: { main: 'src/cli/main.ts', 'bcrypt-worker': 'src/registry-server/bcrypt-worker.ts' },
    outdir: 'dist/cli',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.18',
    external,
    // CommonJS packages ask for builtin modules by require, which ES modules do not have.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    write,
  })
  return result.metafile
}

/** The packages of a bundle, by the folder of each in `node_modules`. */
export function packagesOf(inputs: readonly string[]): readonly string[] {
  const names = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))].toSorted()
}

/** The licences of what the bundle holds, which have to go with it. */
function notices({ inputs }: Metafile): string {
  return packagesOf(Object.keys(inputs))
    .map((name) => {
      const folder = `${root}node_modules/${name}`
      const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string; license: string }
      const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry))
      if (file === undefined) throw new Error(`${name} has no file with its licence`)
      return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(`${root}dist/cli/third-party-notices.txt`, notices(await bundleCli({ write: true })))
}
