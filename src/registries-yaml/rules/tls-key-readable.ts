import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A private key that others may read. */
export const tlsKeyReadable: Rule = {
  severity: 'warning',
  title: 'A private key that others can read',
  about: `Who can read the key of a node can pull in its name. K3s runs as root, so nobody else has to read it. Permissions are those of
the machine that lints; Windows has none of this kind.`,
  file: ({ path, file }) => {
    const { mode = 0, privateKey = 'none' } = file ?? {}
    if (privateKey === 'none' || (mode & 0o077) === 0) return undefined
    const isPublic = (mode & 0o007) !== 0
    const who = isPublic ? 'every user' : 'the group of the file'
    return {
      severity: isPublic ? 'warning' : 'info',
      message: `the private key in ${quoted(path)} can be read by ${who} (mode ${mode.toString(8).padStart(4, '0')})`,
      fix: 'Take the permissions away on every node: chmod 600.',
    }
  },
}
