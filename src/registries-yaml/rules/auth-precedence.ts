import type { Rule } from '../lint/rule.ts'
import type { RegistryAuth } from '../registries.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** The field that counts, with those that do not though they say something else. */
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
  about: `containerd uses one kind: \`username\` with \`password\` before \`identity_token\` before \`auth\`, and never tries the next. An
\`auth\` that says the same as \`username\` and \`password\` is not reported.`,
  auth: ({ key, auth, positionOf }) => {
    const [used, ...unused] = conflict(auth)
    const [first] = unused
    // Without a password another rule has more to say.
    if (first === undefined || (auth.username !== '' && auth.password === '')) return undefined
    return {
      position: positionOf(first),
      message: `the credentials of ${shown(key)} are given in several ways: ${used} is used, ${unused.join(' and ')} not`,
      fix: 'Remove what is not meant.',
    }
  },
}
