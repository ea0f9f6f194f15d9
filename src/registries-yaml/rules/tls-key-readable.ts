import { quoted } from '../../text/printable.ts'
import { namedFiles } from '../lint/named-files.ts'
import type { Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'

/** A private key that others may read. */
export const tlsKeyReadable: Rule = {
  id: 'tls-key-readable',
  severity: 'warning',
  title: 'A private key that others can read',
  about: `Who can read the key of a node can pull in its name. K3s runs as root, so nobody else has to read it. Permissions are those of
the machine that lints; Windows has none of this kind.`,
  *check(context) {
    for (const { path, position, file } of oncePerPlace(namedFiles(context))) {
      const { mode = 0, privateKey } = file ?? {}
      if (privateKey === undefined || privateKey === 'none' || (mode & 0o077) === 0) continue
      const isPublic = (mode & 0o007) !== 0
      const who = isPublic ? 'every user' : 'the group of the file'
      yield {
        position,
        severity: isPublic ? 'warning' : 'info',
        message: `the private key in ${quoted(path)} can be read by ${who} (mode ${mode.toString(8).padStart(4, '0')})`,
        fix: 'Take the permissions away on every node: chmod 600.',
      }
    }
  },
}
