import type { Rule } from '../lint/rule.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownPath } from '../shown-text.ts'

/** True for the key `token` below `auth`. */
export function isTokenUnderAuth({ kind, path }: Remark): boolean {
  return kind === 'unknown-key' && path.length === 4 && path[0] === 'configs' && path[2] === 'auth' && path[3] === 'token'
}

/** `token`, which documentation shows and no code reads. */
export const tokenUnderAuth: Rule = {
  title: '`token` under `auth` is read by nobody',
  about: `The documentation of K3s and RKE2 lists \`token\` beside \`username\`, \`password\` and \`auth\`. The code has no such key: it is passed over, and the
registry is asked anonymously. Personal access tokens are passwords; \`identity_token\` is a refresh token for OAuth, as \`docker login\` stores it.`,
  remark: (remark) =>
    isTokenUnderAuth(remark)
      ? {
          message: `K3s does not read ${shownPath(remark.path)}, and sends no token`,
          fix: 'Write an access token as password, with its username; a refresh token as identity_token.',
        }
      : undefined,
}
