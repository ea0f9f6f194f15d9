import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs skopeo with plain HTTP allowed and gives its standard output; a failure rejects with what it said. */
export async function skopeo(command: 'inspect' | 'copy', ...args: readonly string[]): Promise<string> {
  const insecure = command === 'copy' ? ['--src-tls-verify=false', '--dest-tls-verify=false'] : ['--tls-verify=false']
  const { stdout } = await execute('skopeo', ['--insecure-policy', command, ...insecure, ...args], { maxBuffer: 1 << 24 })
  return stdout
}
