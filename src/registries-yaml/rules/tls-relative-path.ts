import { posix, win32 } from 'node:path'
import { quoted } from '../../text/printable.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'

/** A file name that does not begin at the root. */
export const tlsRelativePath: Rule = {
  title: 'A relative file name',
  about: `K3s hands the names of \`tls\` to containerd as they are. containerd looks for a relative one beside the hosts.toml, in a
directory that K3s empties when it starts; before the releases of January 2024 it was the directory that K3s was started in. It is never
the directory of registries.yaml. \`~\` and variables mean nothing.`,
  file: ({ field, path }, { version }) => {
    // of whichever operating system the nodes have
    if (posix.isAbsolute(path) || win32.isAbsolute(path)) return undefined
    const isBesideHosts = hasFeature(version, 'hosts-toml')
    const where = isBesideHosts ? 'beside the hosts.toml that K3s writes, and not found' : 'in the directory that K3s was started in'
    const message = `the ${field} ${quoted(path)} is looked for ${where}`
    return { severity: isBesideHosts ? 'error' : 'warning', message, fix: 'Write the whole name, from / on.' }
  },
}
