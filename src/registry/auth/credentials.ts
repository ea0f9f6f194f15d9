import { MirrorError } from '../../errors.ts'
import { isDockerHub } from '../../oci/registry-host.ts'
import { printable } from '../../text/printable.ts'
import { rememberSecret } from '../../text/secrets.ts'

/** What a registry may be shown: user and password, an identity (refresh) token for its token server, or a ready Bearer token. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string; readonly username?: string }
  | { readonly kind: 'registry-token'; readonly token: string }

/** What credentials are looked up for, in addition to the origin. */
export interface LookupOptions {
  /** The repository's path at the registry: some credentials are for some repositories only. */
  readonly repository?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Finds the credentials of an origin, `https://host:port` with the default port left out; undefined when no source has any. */
export type CredentialsLookup = (origin: string, options?: LookupOptions) => Promise<Credentials | undefined>

/** Where credentials are looked for, and what that is called in messages. */
export interface CredentialsSource {
  readonly name: string
  readonly find: CredentialsLookup
}

/** Credentials and where they come from. */
export interface FoundCredentials {
  readonly credentials: Credentials
  readonly source: string
}

/** Asks each source in turn; the first answer counts. Throws INVALID_CONFIG for credentials that cannot be sent. */
export async function findCredentials(
  sources: readonly CredentialsSource[],
  origin: string,
  options: LookupOptions & { readonly onWarning?: ((message: string) => void) | undefined } = {},
): Promise<FoundCredentials | undefined> {
  for (const { name, find } of sources) {
    const credentials = await find(origin, options)
    if (credentials === undefined) continue
    check(credentials, name, origin)
    rememberCredentials(credentials)
    if (credentials.kind === 'basic' && /[\r\n]$/.test(credentials.password)) options.onWarning?.(trailingBreak(name, origin))
    return { credentials, source: name }
  }
  return undefined
}

/** No message repeats them from now on. */
function rememberCredentials(credentials: Credentials): void {
  if (credentials.kind === 'basic') rememberSecret(credentials.password, credentials.username)
  else rememberSecret(credentials.token, credentials.kind === 'identity-token' ? (credentials.username ?? '') : undefined)
}

/** Credentials for exactly one origin, such as those for the destination from the environment. */
export function credentialsForOrigin(name: string, origin: string, credentials: Credentials): CredentialsSource {
  const only = new URL(origin).origin
  rememberCredentials(credentials)
  return { name, find: (asked) => Promise.resolve(asked === only ? credentials : undefined) }
}

const bearerToken = /^[\x21-\x7e]+$/

/** Basic credentials are sent in base64 and may hold any character, line breaks too: Google's password is a whole JSON file. */
function check(credentials: Credentials, source: string, origin: string): void {
  const refuse = (why: string, hint: string): never => {
    throw new MirrorError('INVALID_CONFIG', `the credentials for ${registryName(origin)} in ${source} cannot be used: ${why}`, { hint })
  }
  if (credentials.kind === 'basic') {
    if (credentials.username.includes(':')) refuse('the user name contains ":"', 'use a user name without ":"')
  } else if (!bearerToken.test(credentials.token)) {
    refuse('the token is empty or has a space, a line break or a non-ASCII character', 'log in again')
  }
}

function trailingBreak(source: string, origin: string): string {
  return `the password for ${registryName(origin)} in ${source} ends with a line break, which is sent with it; remove it if the login fails`
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
  'log in with docker login, set DOCKER_AUTH_CONFIG, or pass options.registries <file> with configs.<host>.auth; for the destination also K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD'

/** How an origin is called in messages: `docker.io`, else `host[:port]`. */
export function registryName(origin: string): string {
  return isDockerHub(origin) ? 'docker.io' : new URL(origin).host
}

/** Characters from which on a piece of a password is long enough to be one by itself. */
const leastLength = 8

/** The forms in which a server may repeat a secret. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8')
  return [secret, encodeURIComponent(bytes.toString()), bytes.toString('base64'), bytes.toString('base64url')]
}

/** What credentials, and the Authorization header made of them, consist of. */
function secretsOf(found: FoundCredentials | undefined, authorization: string | undefined): readonly string[] {
  const secret = found === undefined ? '' : found.credentials.kind === 'basic' ? found.credentials.password : found.credentials.token
  const header = authorization?.slice(authorization.indexOf(' ') + 1) ?? ''
  const pieces = secret.split(/\\n|[\s"\\]/).filter((piece) => piece.length >= leastLength)
  return [...formsOf(secret), header, ...pieces].filter((piece) => piece !== '')
}

/** Text of JSON with its escapes undone, whether or not it is JSON as a whole. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, character: string | undefined) =>
    code === undefined ? (character ?? '') : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

/** True where an answer repeats some of what was sent with the request: nothing of it may be shown then. */
export function repeatsSecret(body: Uint8Array, found: FoundCredentials | undefined, authorization: string | undefined): boolean {
  const said = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const texts = [said, unescaped(said)]
  return secretsOf(found, authorization).some((piece) => texts.some((text) => text.includes(piece)))
}
