import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { ExecutableBundle } from './bundle-executable.ts'

/** Makes the blob of a single executable application with the Node that will run it: https://nodejs.org/docs/latest-v22.x/api/single-executable-applications.html */
export function makeBlob(node: Uint8Array, { main, parts }: ExecutableBundle): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'k3s-mirror-package-'))
  try {
    const program = join(directory, 'node')
    writeFileSync(program, node)
    chmodSync(program, 0o755)
    writeFileSync(join(directory, 'k3s-mirror.cjs'), main)
    for (const [name, code] of parts) writeFileSync(join(directory, name), code)
    // The path of the script is part of the blob, so it is relative.
    const config = {
      main: 'k3s-mirror.cjs',
      output: 'blob',
      assets: Object.fromEntries([...parts.keys()].map((name) => [name, basename(name)])),
      disableExperimentalSEAWarning: true,
    }
    writeFileSync(join(directory, 'sea.json'), JSON.stringify(config))
    const { status, stderr, error } = spawnSync(program, ['--experimental-sea-config', 'sea.json'], { cwd: directory, encoding: 'utf8' })
    if (status !== 0) throw new Error(`cannot make the blob of the executable: ${error?.message ?? stderr}`)
    return readFileSync(join(directory, 'blob'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}
