import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A private key that other users can read. */
export const tlsKeyReadable: Rule = {
  severity: 'warning',
  title: 'Other users can read a private key',
  about: `Anyone who can read the key of a node can pull as that node. K3s runs as root, so only root has to read it. Lint checks the permissions on this machine, but
not on Windows.`,
  file: ({ path, file }) => {
    const { mode = 0, privateKey = 'none' } = file ?? {}
    if (privateKey === 'none' || (mode & 0o077) === 0) return undefined
    const isPublic = (mode & 0o007) !== 0
    const who = isPublic ? 'every user' : 'the group of the file'
    return {
      severity: isPublic ? 'warning' : 'info',
      message: `${who} can read the private key in ${quoted(path)} (mode ${mode.toString(8).padStart(4, '0')})`,
      fix: 'run chmod 600 on this file, on every node',
    }
  },
}
