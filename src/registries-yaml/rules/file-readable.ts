import { platform } from 'node:os'
import type { Rule } from '../lint/rule.ts'

/** Credentials in a file that every user can read. */
export const fileReadable: Rule = {
  severity: 'warning',
  title: 'Every user can read the credentials in this file',
  about: `Only root has to read a registries.yaml with credentials, because K3s runs as root. Only files under /etc/rancher are checked: a file elsewhere is a draft
with other permissions than on a node.`,
  check({ auths, mode = 0 }) {
    if ((mode & 0o004) === 0 || platform() === 'win32') return []
    return auths
      .filter(({ auth }) => [auth.password, auth.auth, auth.identityToken].some((secret) => secret !== ''))
      .slice(0, 1)
      .map(({ positionOf }) => ({
        position: positionOf(),
        message: `every user can read the credentials in this file (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
        fix: 'run chmod 600 on this file, on every node',
      }))
  },
}
