import type { WrittenAuth } from '../lint/context.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

function withoutPassword({ key, auth: { auth, identityToken }, positionOf }: WrittenAuth): Discovery {
  const others = [...(identityToken === '' ? [] : ['identity_token']), ...(auth === '' ? [] : ['auth'])]
  const [other] = others
  const unused = other === undefined ? '' : `, nor is ${others.join(' or ')} used`
  return {
    position: positionOf('username'),
    message: `${shown(key)} has a username and no password: no credentials are sent${unused}`,
    fix: other === undefined ? 'Write the password.' : `Write the password, or remove the username so that ${other} is used.`,
  }
}

function withoutUsername({ key, auth: { auth, identityToken }, positionOf }: WrittenAuth): Discovery {
  const position = positionOf('password')
  const message = `${shown(key)} has a password and no username: `
  if (identityToken === '' && auth === '') {
    const fix = 'Write the username. Registries that take a token document which one belongs to it.'
    return { position, message: `${message}no credentials are sent`, fix }
  }
  const used = `${identityToken === '' ? 'auth' : 'identity_token'} is used, and the password not`
  return { position, severity: 'warning', message: message + used, fix: 'Write the username, or remove the password.' }
}

function judge(written: WrittenAuth): Discovery | undefined {
  const { key, auth, positionOf } = written
  const { username, password, identityToken } = auth
  if (username !== '') return password === '' ? withoutPassword(written) : undefined
  // What is before the "@" of a key was meant for the user name, as its own rule says.
  if (password !== '') return keyFault(key) === 'userinfo' ? undefined : withoutUsername(written)
  const decoded = identityToken === '' ? decodeAuth(auth.auth) : undefined
  if (decoded === undefined || (decoded.username !== '' && decoded.password !== '')) return undefined
  const lacking = decoded.password === '' ? 'password' : 'username'
  const message = `the auth of ${shown(key)} holds no ${lacking}: no credentials are sent`
  return { position: positionOf('auth'), message, fix: 'Write username and password.' }
}

/** A user name without a password, or a password without a user name. */
export const authWithoutPassword: Rule = {
  title: '`username` without `password`, or the other way round',
  about: `containerd sends nothing where the user name or the password is empty. A \`username\` alone also keeps \`auth\` and \`identity_token\`
from being used; a \`password\` alone does not.`,
  auth: judge,
}
