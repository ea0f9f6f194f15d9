import { keyFault } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

function withoutPassword(key: string, others: readonly string[]): Pick<Discovery, 'message' | 'fix'> {
  const [other] = others
  const unused = other === undefined ? '' : `, nor is ${others.join(' or ')} used`
  return {
    message: `${shown(key)} has a username and no password: no credentials are sent${unused}`,
    fix: other === undefined ? 'Write the password.' : `Write the password, or remove the username so that ${other} is used.`,
  }
}

function withoutUsername(key: string, [other]: readonly string[]): Omit<Discovery, 'position'> {
  const message = `${shown(key)} has a password and no username: `
  if (other !== undefined)
    return {
      severity: 'warning',
      message: `${message}${other} is used, and the password not`,
      fix: 'Write the username, or remove the password.',
    }
  const fix = 'Write the username. Registries that take a token document which one belongs to it.'
  return { message: `${message}no credentials are sent`, fix }
}

/** A user name without a password, or a password without a user name. */
export const authWithoutPassword: Rule = {
  title: '`username` without `password`, or the other way round',
  about: `containerd sends nothing where the user name or the password is empty. A \`username\` alone also keeps \`auth\` and \`identity_token\`
from being used; a \`password\` alone does not.`,
  auth: ({ key, auth: { username, password, auth, identityToken }, positionOf }) => {
    const others = [...(identityToken === '' ? [] : ['identity_token']), ...(auth === '' ? [] : ['auth'])]
    if (username !== '') return password === '' ? { position: positionOf('username'), ...withoutPassword(key, others) } : undefined
    // What is before the "@" of a key was meant for the user name, as its own rule says.
    if (password !== '')
      return keyFault(key) === 'userinfo' ? undefined : { position: positionOf('password'), ...withoutUsername(key, others) }
    const decoded = identityToken === '' ? decodeAuth(auth) : undefined
    if (decoded === undefined || (decoded.username !== '' && decoded.password !== '')) return undefined
    const lacking = decoded.password === '' ? 'password' : 'username'
    const message = `the auth of ${shown(key)} holds no ${lacking}: no credentials are sent`
    return { position: positionOf('auth'), message, fix: 'Write username and password.' }
  },
}
