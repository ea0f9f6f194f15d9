/** Bundles the command line into `dist/cli`: one file for `--help` and `--version`, and a few for each command, loaded when it runs. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type BuildOptions, type BuildResult, type Metafile, type Plugin } from 'esbuild'
import { manPage } from './man-page.ts'

/** The root folder of the project. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url))

/** Loaded from `node_modules` on demand: dockerode has native parts and needs debug, and zstd-wasm reads a file next to its own. */
const external = ['dockerode', 'debug', '@bokuweb/zstd-wasm']

/** What of this source is loaded by the time that another part of it is: the start, and, except where it is of no use, what moves images. */
const loadedBefore = ['src/cli/program.ts', 'src/cli/actions/mirror.ts']
const movesNothing =
  /[/](?:actions[/](?:serve|completion|version|registries[/](?:lint|render|resolve))|environment|failure|misplaced-reference)\.ts$/

/**
 * Makes few files of it: esbuild puts two modules into one file when the same parts need both. So every part that is loaded later needs all that is loaded
 * before it, and what commands share is not divided by who shares it.
 */
const fewFiles: Plugin = {
  name: 'few-files',
  setup(bundle) {
    bundle.onResolve({ filter: /^\./ }, ({ kind, path, importer, resolveDir }) => {
      const isPart = kind === 'dynamic-import' && importer.startsWith(join(projectRoot, 'src'))
      // Names of files follow from this path, which therefore is the same in every checkout.
      return isPart ? { path: relative(projectRoot, join(resolveDir, path)).replaceAll('\\', '/'), namespace: 'later' } : undefined
    })
    bundle.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => {
      const before = movesNothing.test(path) ? loadedBefore.slice(0, 1) : loadedBefore
      const lines = [...before.map((needed) => `import './${needed}'`), `export * from './${path}'`]
      return { contents: lines.join('\n'), resolveDir: projectRoot }
    })
  },
}

/** Writes the version into the bundle, which then reads no package.json. */
export const versionOfPackage: Plugin = {
  name: 'version-of-package',
  setup(bundle) {
    const file = join(projectRoot, 'src/version.ts')
    bundle.onLoad({ filter: /version\.ts$/ }, ({ path }) =>
      path === file ? { contents: "export { version } from '../package.json'", resolveDir: join(projectRoot, 'src') } : undefined,
    )
  },
}

/** How esbuild divides the command line into a file for the start and files that are loaded later. */
export const cliBundle = {
  absWorkingDir: projectRoot,
  outdir: 'dist/cli',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  plugins: [fewFiles, versionOfPackage],
  legalComments: 'none',
  // What is said of the imports that only decide into which file a module comes.
  logOverride: { 'ignored-bare-import': 'silent' },
  logLevel: 'warning',
} satisfies BuildOptions

/** Builds the bundle; with `write: false` only lists what would be in it. */
export async function bundleCli({ write }: { readonly write: boolean }): Promise<Metafile> {
  const result: BuildResult<{ metafile: true }> = await build({
    ...cliBundle,
    // A worker is started by the URL of its file, which must be next to every chunk.
    entryPoints: { main: 'src/cli/main.ts', 'bcrypt-worker': 'src/registry-server/bcrypt-worker.ts' },
    target: 'node20.18',
    external,
    // CommonJS packages ask for builtin modules by require, which ES modules do not have.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    metafile: true,
    write,
  })
  return result.metafile
}

/** The packages of a bundle, by the folder of each in `node_modules`, such as `a` and `b/node_modules/a`. */
export function packagesOf(inputs: readonly string[]): readonly string[] {
  const names = inputs.map((path) => /^node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))].toSorted()
}

/** The licences of the packages in a bundle, which it must include. */
export function thirdPartyNotices(inputs: readonly string[]): string {
  return packagesOf(inputs)
    .map((path) => {
      const folder = `${projectRoot}node_modules/${path}`
      const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<string, string>
      const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry))
      const text = file === undefined ? 'The package has no file with its licence.' : readFileSync(`${folder}/${file}`, 'utf8').trim()
      return `${name} ${version} (${license})\n\n${text}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}

/** The commit of this checkout, with `-dirty` where files differ from it; undefined outside of one. */
export function checkedOutCommit(): string | undefined {
  const git = (...args: readonly string[]): string => spawnSync('git', args, { cwd: projectRoot, encoding: 'utf8' }).stdout?.trim() ?? ''
  const top = git('rev-parse', '--show-toplevel')
  // A package that was unpacked inside another repository is not of its commits.
  if (top === '' || realpathSync(top) !== realpathSync(projectRoot)) return undefined
  return git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*') || undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(`${projectRoot}dist/cli/third-party-notices.txt`, thirdPartyNotices(Object.keys((await bundleCli({ write: true })).inputs)))
  writeFileSync(`${projectRoot}dist/k3s-mirror.1`, manPage())
  const commit = checkedOutCommit()
  if (commit !== undefined) writeFileSync(`${projectRoot}dist/cli/commit.txt`, `${commit}\n`)
}
