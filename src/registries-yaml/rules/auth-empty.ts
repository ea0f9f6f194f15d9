import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An `auth` with nothing in it. */
export const authEmpty: Rule = {
  severity: 'warning',
  title: '`auth` with nothing in it',
  about: `An \`auth\` whose fields are all empty is no credentials: the registry is asked anonymously. Often a template that was filled in
with an empty variable.`,
  auth: ({ key, auth }, { parsed: { remarks } }) => {
    // A key below auth that K3s does not know is reported by itself.
    const isSaid = remarks.some(
      ({ kind, path }) => kind === 'unknown-key' && path[0] === 'configs' && path[1] === key && path[2] === 'auth',
    )
    if (isSaid || Object.values(auth).some((value) => value !== '')) return undefined
    return {
      message: `the auth of ${shown(key)} is empty: the registry is asked without credentials`,
      fix: 'Write username and password, or remove auth.',
    }
  },
}
