import { posix, win32 } from 'node:path'
import { quoted } from '../../text/printable.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'

/** A relative path of a TLS file. */
export const tlsRelativePath: Rule = {
  title: 'A relative path of a TLS file',
  about: `K3s passes the paths of \`tls\` to containerd unchanged. containerd resolves a relative path in the directory of the hosts.toml, which K3s empties when it
starts. Releases before January 2024 resolve it in the working directory of K3s. No release resolves it in the directory of registries.yaml, or expands \`~\` and variables.`,
  file: ({ field, path }, { version }) => {
    // On Linux and on Windows nodes.
    if (posix.isAbsolute(path) || win32.isAbsolute(path)) return undefined
    const isInHosts = hasFeature(version, 'hosts-toml')
    const where = isInHosts ? 'the directory of the hosts.toml, which K3s empties' : 'the working directory of K3s'
    const message = `the ${field} ${quoted(path)} is relative: containerd resolves it in ${where}`
    return { severity: isInHosts ? 'error' : 'warning', message, fix: 'write an absolute path' }
  },
}
