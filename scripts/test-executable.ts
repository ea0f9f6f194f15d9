/** Runs tests of the command line against the executable, in a root without Node and without a shell: `node --import tsx scripts/test-executable.ts [part of a path …]`. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { projectRoot } from './build-cli.ts'

const executable = join(projectRoot, 'build/k3s-mirror-linux-amd64')
if (!existsSync(executable)) throw new Error(`${executable} is missing: npm run package writes it`)

/** Copies the executable and exactly the libraries that it loads. */
function fillRoot(root: string): void {
  const { stdout } = spawnSync('ldd', [executable], { encoding: 'utf8' })
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file ?? '')
  if (libraries.length === 0) throw new Error(`ldd lists no libraries of ${executable}`)
  for (const file of libraries) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    copyFileSync(file, join(root, file))
  }
  copyFileSync(executable, join(root, 'k3s-mirror'))
}

const directory = mkdtempSync(join(tmpdir(), 'k3s-mirror-executable-'))
try {
  const root = join(directory, 'root')
  fillRoot(root)
  // Tests see the same files below the same paths; other files of the machine are not in the root.
  const shared = join(directory, 'tmp')
  mkdirSync(shared)
  process.env['TMPDIR'] = shared
  const { sharedWithExecutable } = await import('../test/servers/cli-command.ts')
  for (const path of sharedWithExecutable) mkdirSync(join(root, path), { recursive: true })
  const parts = process.argv.length > 2 ? process.argv.slice(2) : ['test/cli/']
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/test.ts', ...parts], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, K3S_MIRROR_TEST_ROOT: root },
  })
  process.exitCode = status ?? 1
} finally {
  rmSync(directory, { recursive: true })
}
