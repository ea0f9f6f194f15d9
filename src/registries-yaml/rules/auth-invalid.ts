import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Why `auth` is invalid; undefined for a valid one. Go ignores line breaks: https://pkg.go.dev/encoding/base64#Encoding.Decode */
function findFault(auth: string): string | undefined {
  const encoded = auth.replace(/[\r\n]/g, '')
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return 'is not valid base64'
  return Buffer.from(encoded, 'base64').includes(':') ? undefined : 'decodes to text without a colon'
}

/** An `auth` that is not the base64 of user name and password. */
export const authInvalid: Rule = {
  title: '`auth` is not the base64 of `username:password`',
  about: `\`auth\` must be the base64 of \`username:password\` with padding, as \`docker login\` stores it. With any other value the pull fails
before containerd sends a request. containerd ignores \`auth\` if \`username\` or \`identity_token\` is set.`,
  auth: ({ key, auth: { auth, username, identityToken }, positionOf }) => {
    const fault = auth !== '' && username === '' && identityToken === '' ? findFault(auth) : undefined
    const fix = 'write username and password, or the base64 of username:password'
    return fault === undefined
      ? undefined
      : { position: positionOf('auth'), message: `the auth of ${shown(key)} ${fault}: pulls from this registry fail`, fix }
  },
}
