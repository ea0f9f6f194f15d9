import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An empty `auth`. */
export const authEmpty: Rule = {
  severity: 'warning',
  title: '`auth` is empty',
  about: `containerd sends no credentials if all fields of \`auth\` are empty, and pulls anonymously. The usual cause is a template with an unset variable.`,
  auth: ({ key, auth }, { parsed: { remarks } }) => {
    // Another rule reports an unknown key under auth.
    const isReported = remarks.some(
      ({ kind, path }) => kind === 'unknown-key' && path[0] === 'configs' && path[1] === key && path[2] === 'auth',
    )
    if (isReported || Object.values(auth).some((value) => value !== '')) return undefined
    return {
      message: `the auth of ${shown(key)} is empty: nodes pull anonymously`,
      fix: 'write username and password, or remove auth',
    }
  },
}
