import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import type { RegistryAuth } from '../registries.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** The field that counts, with those that do not though they say something else. */
function conflict({
  username,
  password,
  auth,
  identityToken,
}: RegistryAuth): { readonly used: string; readonly unused: readonly string[] } | undefined {
  const isTold = auth !== ''
  if (username !== '') {
    const told = decodeAuth(auth)
    const isSame = told?.username === username && told.password === password
    const unused = [...(identityToken === '' ? [] : ['identity_token']), ...(isTold && !isSame ? ['auth'] : [])]
    return unused.length === 0 ? undefined : { used: 'username', unused }
  }
  return identityToken !== '' && isTold ? { used: 'identity_token', unused: ['auth'] } : undefined
}

/** Several kinds of credentials for one host. */
export const authPrecedence: Rule = {
  id: 'auth-precedence',
  severity: 'warning',
  title: 'Several kinds of credentials for one host',
  about: `containerd uses one kind: \`username\` with \`password\` before \`identity_token\` before \`auth\`, and never tries the next. An
\`auth\` that says the same as \`username\` and \`password\` is not reported.`,
  *check({ parsed }) {
    if (parsed.problems.length > 0) return
    const discoveries: Discovery[] = []
    for (const [key, { auth }] of parsed.registries.configs) {
      // Without a password another rule has more to say.
      const found = auth === undefined || (auth.username !== '' && auth.password === '') ? undefined : conflict(auth)
      if (found === undefined) continue
      discoveries.push({
        position: parsed.positionOf(['configs', key, 'auth', found.unused[0] ?? 'auth']),
        message: `the credentials of ${shown(key)} are given in several ways: ${found.used} is used, ${found.unused.join(' and ')} not`,
        fix: 'Remove what is not meant.',
      })
    }
    yield* oncePerPlace(discoveries)
  },
}
