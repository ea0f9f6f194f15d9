import { MirrorError } from '../../errors.ts'
import { printable } from '../../http/redact.ts'
import { isDockerHub } from '../../oci/registry-host.ts'

/** What a registry may be shown: user and password, an identity (refresh) token for its token server, or a ready Bearer token. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string; readonly username?: string }
  | { readonly kind: 'registry-token'; readonly token: string }

/** Finds the credentials of an origin, `https://host:port` with the default port left out; undefined when there are none. */
export type CredentialsLookup = (
  origin: string,
  options?: { readonly signal?: AbortSignal | undefined },
) => Promise<Credentials | undefined>

/** A place where credentials are looked for, and what it is called in messages. */
export interface CredentialsSource {
  readonly name: string
  readonly find: CredentialsLookup
}

/** Credentials with the place they come from. */
export interface FoundCredentials {
  readonly credentials: Credentials
  readonly source: string
}

/** Asks each source in turn; the first answer counts. Throws INVALID_CONFIG for credentials that cannot be sent. */
export async function findCredentials(
  sources: readonly CredentialsSource[],
  origin: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FoundCredentials | undefined> {
  for (const { name, find } of sources) {
    const credentials = await find(origin, options)
    if (credentials !== undefined) return { credentials: checked(credentials, name, origin), source: name }
  }
  return undefined
}

/** Credentials for one origin alone, as those for the destination from the environment are. */
export function credentialsForOrigin(name: string, origin: string, credentials: Credentials): CredentialsSource {
  const only = new URL(origin).origin
  return { name, find: (asked) => Promise.resolve(asked === only ? credentials : undefined) }
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const breaksHeader = /[\r\n\0]/
const bearerToken = /^[\x21-\x7e]+$/

function checked(credentials: Credentials, source: string, origin: string): Credentials {
  const refuse = (why: string, hint: string): never => {
    throw new MirrorError('INVALID_CONFIG', `the credentials for ${registryName(origin)} in ${source} cannot be used: ${why}`, { hint })
  }
  if (credentials.kind !== 'basic') {
    if (!bearerToken.test(credentials.token))
      refuse('the token is empty or has a space, a line break or a non-ASCII character', 'Log in again.')
    return credentials
  }
  if (credentials.username.includes(':')) refuse('the user name contains ":"', 'HTTP cannot carry such a name.')
  if (breaksHeader.test(credentials.username + credentials.password)) {
    refuse(
      'the user name or the password contains a line break or NUL',
      'Often a line break at the end of a file or variable was stored with the password.',
    )
  }
  return credentials
}

/** The value of a Basic Authorization header, UTF-8: https://www.rfc-editor.org/rfc/rfc7617 */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}

/** Says whom the credentials belong to, without any secret: `as user "x", from /path/config.json`. */
export function describeCredentials({ credentials, source }: FoundCredentials): string {
  if (credentials.kind === 'basic') return `as user "${printable(credentials.username).slice(0, 64)}", from ${source}`
  return `with ${credentials.kind === 'identity-token' ? 'an identity token' : 'a registry token'} from ${source}`
}

/** What to do where no credentials were found. */
export const logInHint =
  'Log in with docker login, or give --registries a file with configs.<host>.auth; for the destination K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD do too.'

/** How an origin is called in messages: `docker.io`, else `host[:port]`. */
export function registryName(origin: string): string {
  return isDockerHub(origin) ? 'docker.io' : new URL(origin).host
}
