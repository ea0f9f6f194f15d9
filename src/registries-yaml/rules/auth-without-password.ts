import { keyFault } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

function withoutPassword(key: string, others: readonly string[]): Pick<Discovery, 'message' | 'fix'> {
  const [other] = others
  const unused = other === undefined ? '' : `, and ignores ${others.join(' and ')}`
  return {
    message: `${shown(key)} has a username but no password: containerd sends no credentials${unused}, so nodes pull anonymously`,
    fix: other === undefined ? 'write the password' : `write the password, or remove the username to use ${other}`,
  }
}

function withoutUsername(key: string, [other]: readonly string[]): Omit<Discovery, 'position'> {
  const message = `${shown(key)} has a password but no username: `
  if (other !== undefined)
    return {
      severity: 'warning',
      message: `${message}containerd uses ${other} and ignores the password`,
      fix: 'write the username, or remove the password',
    }
  const fix = 'write the username; for a token, look it up in the documentation of the registry'
  return { message: `${message}containerd sends no credentials, so nodes pull anonymously`, fix }
}

/** A user name without a password, or a password without a user name. */
export const authWithoutPassword: Rule = {
  title: '`username` without `password`, or `password` without `username`',
  about: `containerd sends no credentials if the user name or the password is empty. With a \`username\` it also ignores \`auth\` and \`identity_token\`.`,
  auth: ({ key, auth: { username, password, auth, identityToken }, positionOf }) => {
    const others = [...(identityToken === '' ? [] : ['identity_token']), ...(auth === '' ? [] : ['auth'])]
    if (username !== '') return password === '' ? { position: positionOf('username'), ...withoutPassword(key, others) } : undefined
    // A user name before the "@" of the key is reported by endpoint-userinfo-or-query.
    if (password !== '')
      return keyFault(key, 'configs') === 'userinfo' ? undefined : { position: positionOf('password'), ...withoutUsername(key, others) }
    const decoded = identityToken === '' ? decodeAuth(auth) : undefined
    if (decoded === undefined || (decoded.username !== '' && decoded.password !== '')) return undefined
    const lacking = decoded.password === '' ? 'password' : 'username'
    const message = `the auth of ${shown(key)} contains no ${lacking}: containerd sends no credentials, so nodes pull anonymously`
    return { position: positionOf('auth'), message, fix: 'write username and password' }
  },
}
