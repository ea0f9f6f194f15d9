import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { findProgram } from './require-server.ts'

/** The directory in which `scripts/executable-root.ts` has put the executable and its libraries; undefined where tests start `dist`. */
export const executableRoot = process.env['K3S_MIRROR_TEST_ROOT']

/** Why a test that needs Node, a shell or the modules of `dist` next to the program is skipped where the program is the executable; false elsewhere. */
export function needsNode(reason: string): string | false {
  return executableRoot === undefined ? false : `not with the executable: ${reason}`
}

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Directories that the executable shares with the tests: temporary files, the names of hosts, trusted certificates, terminals and processes. */
export const sharedWithExecutable = (temporary: string): readonly string[] => [
  temporary,
  ...['configs', 'fixtures'].map((name) => fileURLToPath(new URL(`../../${name}`, import.meta.url))),
  '/etc',
  '/dev',
  '/proc',
]

/** The command that starts the built program in the current directory, without a process in between that stays. */
export function cliCommand(): readonly string[] {
  if (executableRoot === undefined) {
    if (!existsSync(program)) throw new Error('dist/cli/main.js is missing: npm run build makes it')
    return [process.execPath, program]
  }
  // With its path, because busybox has an unshare of its own, which cannot change the root.
  const mounts = sharedWithExecutable(tmpdir()).map((path) => `busybox mount --rbind ${path} ${executableRoot}${path}`)
  const start = `exec ${findProgram('unshare')} --root=${executableRoot} --wd="$PWD" /k3s-mirror "$@"`
  return ['unshare', '--mount', 'busybox', 'sh', '-c', [...mounts, start].join(' && '), 'sh']
}
