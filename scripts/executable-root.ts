import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sharedWithExecutable } from '../test/servers/cli-command.ts'
import { projectRoot } from './build-cli.ts'

/** A root for the executable, and the variables with which tests start it there; removed at the end of its scope. */
export interface ExecutableRoot extends Disposable {
  readonly environment: Readonly<Record<string, string>>
}

/** Makes a root that has the executable and exactly the libraries that it loads. Other files of the machine are not in it, except those of tests, below the same paths. */
export function makeExecutableRoot(): ExecutableRoot {
  const executable = join(projectRoot, 'build/k3s-mirror-linux-amd64')
  if (!existsSync(executable)) throw new Error(`${executable} is missing: npm run package writes it`)
  const directory = mkdtempSync(join(tmpdir(), 'k3s-mirror-executable-'))
  const [root, shared] = [join(directory, 'root'), join(directory, 'tmp')]
  mkdirSync(shared)
  // Tests run programs as other users.
  for (const path of [directory, shared]) chmodSync(path, 0o755)
  const { stdout } = spawnSync('ldd', [executable], { encoding: 'utf8' })
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file ?? '')
  if (libraries.length === 0) throw new Error(`ldd lists no libraries of ${executable}`)
  for (const file of libraries) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    copyFileSync(file, join(root, file))
  }
  copyFileSync(executable, join(root, 'k3s-mirror'))
  for (const path of sharedWithExecutable(shared)) mkdirSync(join(root, path), { recursive: true })
  return {
    environment: { TMPDIR: shared, K3S_MIRROR_TEST_ROOT: root },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  }
}
