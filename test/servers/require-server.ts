import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

/** The programs that tests start and that `scripts/install-test-servers.sh` installs. */
export type ServerName = 'docker-registry' | 'skopeo'

/** Where a program stands on PATH; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory === '') continue
    const file = join(directory, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not here: the next directory may have it
    }
  }
  return undefined
}

/**
 * True when the program is installed. Otherwise the test is marked as skipped and names the program, and the caller returns;
 * with REQUIRE_SERVERS=1 the test fails instead: `if (!requireServer(t, 'skopeo')) return`.
 */
export function requireServer(t: TestContext, name: ServerName): boolean {
  if (findProgram(name) !== undefined) return true
  const message = `${name} is not installed; scripts/install-test-servers.sh installs it`
  if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(message)
  t.skip(message)
  return false
}
