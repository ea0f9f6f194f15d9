import { platform } from 'node:os'
import type { Rule } from '../lint/rule.ts'

/** Credentials in a file that others may read. */
export const fileReadable: Rule = {
  severity: 'warning',
  title: 'Others can read the credentials in this file',
  about: `A registries.yaml with credentials is for root alone, and K3s reads it as root. Only said where it holds any, and of
a file below /etc/rancher: elsewhere it is a draft, which nodes will have with other permissions.`,
  check({ auths, mode = 0 }) {
    if ((mode & 0o004) === 0 || platform() === 'win32') return []
    return auths
      .filter(({ auth }) => [auth.password, auth.auth, auth.identityToken].some((secret) => secret !== ''))
      .slice(0, 1)
      .map(({ positionOf }) => ({
        position: positionOf(),
        message: `credentials are in this file, and every user can read it (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
        fix: 'Take the permissions away on every node: chmod 600.',
      }))
  },
}
