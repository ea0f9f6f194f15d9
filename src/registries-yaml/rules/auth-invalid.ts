import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Why `auth` cannot be read; undefined where it can. Line breaks do not count: https://pkg.go.dev/encoding/base64#Encoding.Decode */
function findFault(auth: string): string | undefined {
  const encoded = auth.replace(/[\r\n]/g, '')
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return 'is no base64'
  return Buffer.from(encoded, 'base64').includes(':') ? undefined : 'has no colon in what it decodes to'
}

/** An `auth` that is not the base64 of user name and password. */
export const authInvalid: Rule = {
  title: '`auth` is not the base64 of `username:password`',
  about: `\`auth\` is the base64 of user name, colon and password, with padding, as \`docker login\` stores it. Where it is anything else
the pull fails before a registry is asked. It is looked at only where neither \`username\` nor \`identity_token\` is given.`,
  auth: ({ key, auth: { auth, username, identityToken }, positionOf }) => {
    const fault = auth !== '' && username === '' && identityToken === '' ? findFault(auth) : undefined
    const fix = 'Write username and password, or the base64 of username:password.'
    return fault === undefined
      ? undefined
      : { position: positionOf('auth'), message: `the auth of ${shown(key)} ${fault}: pulls from there fail`, fix }
  },
}
