import { keyFault } from '../lint/key-fault.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import type { RegistryAuth } from '../registries.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

interface Fault extends Omit<Discovery, 'position'> {
  readonly field: string
}

function withoutPassword({ auth, identityToken }: RegistryAuth, host: string): Fault {
  const others = [identityToken === '' ? '' : 'identity_token', auth === '' ? '' : 'auth'].filter((field) => field !== '')
  const [other] = others
  const unused = other === undefined ? '' : `, nor is ${others.join(' or ')} used`
  return {
    field: 'username',
    message: `${host} has a username and no password: no credentials are sent${unused}`,
    fix: other === undefined ? 'Write the password.' : `Write the password, or remove the username so that ${other} is used.`,
  }
}

function withoutUsername({ auth, identityToken }: RegistryAuth, host: string): Fault {
  const other = identityToken === '' ? (auth === '' ? undefined : 'auth') : 'identity_token'
  if (other === undefined) {
    return {
      field: 'password',
      message: `${host} has a password and no username: no credentials are sent`,
      fix: 'Write the username. Registries that take a token document which one belongs to it.',
    }
  }
  return {
    field: 'password',
    severity: 'warning',
    message: `${host} has a password and no username: ${other} is used, and the password not`,
    fix: 'Write the username, or remove the password.',
  }
}

function judge(auth: RegistryAuth, key: string): Fault | undefined {
  const { username, password, identityToken } = auth
  if (username !== '') return password === '' ? withoutPassword(auth, shown(key)) : undefined
  // What is before the "@" of a key was meant for the user name, as its own rule says.
  if (password !== '') return keyFault(key) === 'userinfo' ? undefined : withoutUsername(auth, shown(key))
  const told = identityToken === '' ? decodeAuth(auth.auth) : undefined
  if (told === undefined || (told.username !== '' && told.password !== '')) return undefined
  const lacking = told.password === '' ? 'password' : 'username'
  return {
    field: 'auth',
    message: `the auth of ${shown(key)} holds no ${lacking}: no credentials are sent`,
    fix: 'Write username and password.',
  }
}

/** A user name without a password, or a password without a user name. */
export const authWithoutPassword: Rule = {
  id: 'auth-without-password',
  severity: 'error',
  title: '`username` without `password`, or the other way round',
  about: `containerd sends nothing where the user name or the password is empty. A \`username\` alone also keeps \`auth\` and \`identity_token\`
from being used; a \`password\` alone does not.`,
  *check({ parsed }) {
    if (parsed.problems.length > 0) return
    const discoveries: Discovery[] = []
    for (const [key, { auth }] of parsed.registries.configs) {
      const found = auth === undefined ? undefined : judge(auth, key)
      if (found === undefined) continue
      const { field, ...discovery } = found
      discoveries.push({ position: parsed.positionOf(['configs', key, 'auth', field]), ...discovery })
    }
    yield* oncePerPlace(discoveries)
  },
}
