import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** The executable that `npm run package` writes for the machines of the tests. */
export const executableFile = fileURLToPath(new URL('../../build/k3s-mirror-linux-amd64', import.meta.url))

/** The container image that `npm run image` writes. */
export const imageFile = fileURLToPath(new URL('../../build/k3s-mirror-image.tar', import.meta.url))

/** The programs that tests start: `scripts/install-test-servers.sh` installs them, except those in `build/`. */
export type ServerName =
  | 'executable'
  | 'image'
  | 'bash'
  | 'shells'
  | 'chromium'
  | 'docker-registry'
  | 'documentation'
  | 'skopeo'
  | 'containerd'
  | 'dockerd'
  | 'kubectl'
  | 'namespaces'
  | 'podman'
  | 'systemd-analyze'
  | 'man'
  | 'zsh'
  | 'fish'
  | 'zstd'

/** Files that a script of the project writes, and the script. */
const builtFiles: Readonly<Partial<Record<ServerName, readonly [file: string, script: string]>>> = {
  executable: [executableFile, 'package'],
  image: [imageFile, 'image'],
}

/** containerd and dockerd are of use with their clients, with what runs containers, and with a program to run in one. */
const programs: Readonly<Record<ServerName, readonly string[]>> = {
  executable: [],
  image: [],
  bash: ['bash', 'script'],
  shells: ['bash', 'busybox'],
  chromium: ['chromium'],
  fish: ['fish'],
  man: ['man', 'groff'],
  'docker-registry': ['docker-registry'],
  // what the commands of the pages use
  documentation: ['bash', 'busybox', 'curl', 'jq', 'openssl', 'tar', 'zstd'],
  skopeo: ['skopeo'],
  containerd: ['containerd', 'ctr', 'runc', 'busybox'],
  dockerd: ['dockerd', 'docker', 'containerd', 'runc', 'busybox'],
  kubectl: ['kubectl'],
  namespaces: ['unshare', 'busybox'],
  podman: ['podman', 'conmon', 'runc'],
  'systemd-analyze': ['systemd-analyze'],
  zsh: ['zsh', 'script'],
  zstd: ['zstd'],
}

const rootAlone: ReadonlySet<ServerName> = new Set(['containerd', 'dockerd', 'namespaces', 'podman'])

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
 * True when the program is installed and, for containerd, dockerd and podman, this is root. Otherwise the test is marked as skipped and says
 * why, and the caller returns; with REQUIRE_SERVERS=1 the test fails instead: `if (!requireServer(t, 'skopeo')) return`.
 */
export function requireServer(t: TestContext, name: ServerName): boolean {
  const message = obstacle(name)
  if (message === undefined) return true
  if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(message)
  t.skip(message)
  return false
}

function obstacle(name: ServerName): string | undefined {
  const built = builtFiles[name]
  if (built !== undefined && !existsSync(built[0])) return `${built[0]} is missing: npm run ${built[1]} writes it`
  const missing = programs[name].filter((program) => findProgram(program) === undefined)
  if (missing.length > 0) return `${missing.join(', ')} not installed; scripts/install-test-servers.sh installs what the tests start`
  return rootAlone.has(name) && process.getuid?.() !== 0 ? `${name} has to be started by root` : undefined
}
