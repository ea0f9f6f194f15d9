import type { Rule } from '../lint/rule.ts'
import type { RegistryAuth } from '../registries.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** The field that containerd uses, and the ignored fields with other credentials. */
function conflict({ username, password, auth, identityToken }: RegistryAuth): readonly [used: string, ...unused: string[]] {
  if (username === '') return ['identity_token', ...(identityToken !== '' && auth !== '' ? ['auth'] : [])]
  const decoded = decodeAuth(auth)
  const isSame = decoded?.username === username && decoded.password === password
  return ['username', ...(identityToken === '' ? [] : ['identity_token']), ...(auth === '' || isSame ? [] : ['auth'])]
}

/** Several kinds of credentials for one host. */
export const authPrecedence: Rule = {
  severity: 'warning',
  title: 'Several kinds of credentials for one host',
  about: `containerd uses the first of these and ignores the others: \`username\` with \`password\`, \`identity_token\`, \`auth\`. It never falls back to the
next one. An \`auth\` with the same credentials as \`username\` and \`password\` is not reported.`,
  auth: ({ key, auth, positionOf }) => {
    const [used, ...unused] = conflict(auth)
    const [first] = unused
    // Without a password, auth-without-password reports more.
    if (first === undefined || (auth.username !== '' && auth.password === '')) return undefined
    return {
      position: positionOf(first),
      message: `${shown(key)} has several kinds of credentials: containerd uses ${used} and ignores ${unused.join(' and ')}`,
      fix: `remove ${unused.join(' and ')}, or remove ${used}`,
    }
  },
}
