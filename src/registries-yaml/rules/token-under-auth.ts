import type { Rule } from '../lint/rule.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownPath } from '../shown-text.ts'

/** True for the key `token` under `auth`. */
export function isTokenUnderAuth({ kind, path }: Remark): boolean {
  return kind === 'unknown-key' && path.length === 4 && path[0] === 'configs' && path[2] === 'auth' && path[3] === 'token'
}

/** `token`, which the documentation shows and K3s ignores. */
export const tokenUnderAuth: Rule = {
  title: 'K3s ignores `token` under `auth`',
  about: `The documentation of K3s and RKE2 lists \`token\` next to \`username\`, \`password\` and \`auth\`. The code has no such key: K3s ignores it, and nodes pull
anonymously. Write a personal access token as \`password\`. \`identity_token\` is an OAuth refresh token, as \`docker login\` stores it.`,
  remark: (remark) =>
    isTokenUnderAuth(remark)
      ? {
          message: `K3s ignores ${shownPath(remark.path)}, so containerd sends no token`,
          fix: 'write an access token as password, with its username, or a refresh token as identity_token',
        }
      : undefined,
}
