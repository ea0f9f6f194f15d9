import { MirrorError, type ErrorCode } from '../../errors.ts'
import type { Naming } from '../../http/address.ts'
import type { HttpClient } from '../../http/http-client.ts'
import { parseRetryAfter, type HttpResponse } from '../../http/message.ts'
import type { CallOptions } from '../../oci/image-source.ts'
import { parseJsonObject } from '../../oci/json-object.ts'
import { rememberSecret } from '../../text/secrets.ts'
import { parseErrorBody } from '../error-reason.ts'
import type { BearerChallenge } from './challenge.ts'
import {
  basicAuthorization,
  describeCredentials,
  logInHint,
  registryName,
  repeatsSecret,
  type Credentials,
  type FoundCredentials,
} from './credentials.ts'
import { tokenEndpoint, type RealmContext, type TokenEndpoint } from './realm.ts'
import type { Scope } from './scope.ts'

/** A token and when another one is to be asked for, in milliseconds of the monotonic clock. */
export interface Token {
  readonly value: string
  readonly renewAt: number
}

/** The two clocks that expiry needs: the date can jump and be wrong, so it only reads `issued_at`. */
export interface Clock {
  /** Milliseconds since 1970. */
  date(): number
  /** Milliseconds that never go back. */
  monotonic(): number
}

const minimumSeconds = 60

/** Seconds that the token is worth: 60 where the server says nothing, nonsense or less. */
function lifetime(expiresIn: unknown, issuedAt: unknown, clock: Clock): number {
  const seconds = typeof expiresIn === 'string' && /^[0-9]{1,12}$/.test(expiresIn) ? Number(expiresIn) : expiresIn
  const announced = typeof seconds === 'number' && seconds > minimumSeconds ? seconds : minimumSeconds
  const issued = typeof issuedAt === 'string' ? Date.parse(issuedAt) : Number.NaN
  const age = (clock.date() - issued) / 1000
  // issued in the future, or expired on arrival: one of the two clocks is wrong, and only ours can be asked again
  const plausible = age >= 0 && age < announced
  return Math.max(minimumSeconds, plausible ? announced - age : announced)
}

/** Reads a token server's answer, received at `receivedAt` (monotonic); it is renewed after nine tenths of its life. Throws PROTOCOL without a token. */
export function parseTokenAnswer(body: Uint8Array, tokenServer: string, receivedAt: number, clock: Clock): Token {
  const refuse = (what: string): never => {
    throw new MirrorError('PROTOCOL', `the token server ${tokenServer} returned ${what} instead of a token`, {
      hint: 'check for a proxy or a login page in front of the token server',
    })
  }
  const answer = parseJsonObject(Buffer.from(body).toString('utf8'))
  if (answer === undefined) return refuse('something other than a JSON object')
  const value = [answer['token'], answer['access_token']].find((field) => typeof field === 'string' && field !== '')
  if (typeof value !== 'string') {
    if (answer['token'] !== '' && answer['access_token'] !== '') return refuse('JSON without "token" and "access_token"')
    throw new MirrorError('UNAUTHORIZED', `the token server ${tokenServer} returned an empty token`, { hint: logInHint })
  }
  if (!/^[\x21-\x7e]+$/.test(value)) return refuse('a token with spaces or control characters')
  return { value, renewAt: receivedAt + lifetime(answer['expires_in'], answer['issued_at'], clock) * 900 }
}

/** What a token is asked for, and by which means. */
export interface TokenQuestion extends CallOptions {
  readonly client: HttpClient
  readonly clock: Clock
  readonly challenge: BearerChallenge
  /** What the challenge's realm is judged by. */
  readonly context: RealmContext
  /** In normal form. */
  readonly scopes: readonly Scope[]
  readonly found: FoundCredentials | undefined
  /** Where credentials were looked for, for messages. */
  readonly lookedIn: string
}

const maxBytes = 128 * 1024
const maxRedirects = 3
const clientId = 'k3s-mirror'
// what token servers without OAuth2 say to a POST: ACR, Artifactory, GCR, others
const noOauth2 = new Set([400, 401, 404, 405])

/** Asks the token server of a challenge. Throws REFUSED_ADDRESS, UNAUTHORIZED for a 401, DENIED where it gives no token for these scopes, PROTOCOL. */
export async function requestToken(question: TokenQuestion): Promise<Token> {
  const { clock } = question
  const endpoint = tokenEndpoint(question.challenge.realm, question.context)
  const credentials = question.found?.credentials
  if (credentials !== undefined && !endpoint.trusted) throw untrusted(question, endpoint.url)
  const asked = clock.monotonic()
  let response = credentials?.kind === 'identity-token' ? await postIdentityToken(endpoint, credentials.token, question) : undefined
  if (response === undefined || noOauth2.has(response.status)) response = await getToken(endpoint, question)
  if (response.status !== 200) throw refused(question, response)
  const token = parseTokenAnswer(response.body, response.url.host, asked, clock)
  rememberSecret(token.value)
  return token
}

/** The registry, where the token server is another host. */
function naming(url: URL, { origin, address, tokenHosts }: RealmContext): Naming | undefined {
  return url.origin === origin ? undefined : { by: { url: new URL(origin), address }, trusted: tokenHosts, option: 'options.tokenHosts' }
}

async function postIdentityToken(
  { url }: TokenEndpoint,
  token: string,
  { client, challenge, context, scopes, signal }: TokenQuestion,
): Promise<HttpResponse | undefined> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: token })
  if (challenge.service !== undefined) form.set('service', challenge.service)
  if (scopes.length > 0) form.set('scope', scopes.join(' '))
  const response = await client.request({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: Buffer.from(form.toString(), 'utf8'),
    maxBytes,
    naming: naming(url, context),
    signal,
  })
  // the form holds the identity token: a redirected POST is not sent again, the GET follows the redirect
  return isRedirect(response) ? undefined : response
}

async function getToken(endpoint: TokenEndpoint, question: TokenQuestion): Promise<HttpResponse> {
  const { client, signal } = question
  let url = withQuery(endpoint.url, question)
  const authorization = basicHeader(question.found?.credentials)
  for (let hop = 0; ; hop++) {
    const response = await client.request({
      method: 'GET',
      url,
      headers: { accept: 'application/json', ...(authorization !== undefined && { authorization }) },
      maxBytes,
      naming: naming(url, question.context),
      signal,
    })
    const location = isRedirect(response) ? response.headers.all('location') : []
    const [next] = location
    if (next === undefined) return response
    if (hop === maxRedirects || location.length > 1) {
      throw new MirrorError('PROTOCOL', `the token server ${url.host} of ${registryName(question.context.origin)} sends invalid redirects`)
    }
    const redirected = tokenEndpoint(next, { ...question.context, base: url })
    if (url.protocol === 'https:' && redirected.url.protocol === 'http:') throw downgrade(question, url)
    if (authorization !== undefined && redirected.url.origin !== url.origin) throw untrusted(question, redirected.url)
    url = redirected.url
  }
}

function isRedirect({ status, headers }: HttpResponse): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers.get('location') !== undefined
}

/** The parameters are appended as text: the realm's own query stays byte for byte. As Docker does, the account is named where there is one. */
function withQuery(url: URL, { challenge, scopes, found }: TokenQuestion): URL {
  const pairs = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`)
  const account = found?.credentials.kind === 'basic' ? found.credentials.username : ''
  if (account !== '') pairs.unshift(`account=${encodeURIComponent(account)}`)
  if (challenge.service !== undefined) pairs.unshift(`service=${encodeURIComponent(challenge.service)}`)
  if (pairs.length === 0) return url
  return new URL(`${url.href}${url.search === '' ? '?' : '&'}${pairs.join('&')}`)
}

function basicHeader(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind === 'basic') return basicAuthorization(credentials.username, credentials.password)
  if (credentials?.kind === 'identity-token') return basicAuthorization(credentials.username ?? '', credentials.token)
  return undefined
}

function untrusted({ context, found }: TokenQuestion, url: URL): MirrorError {
  const source = found === undefined ? '' : ` (${describeCredentials(found)})`
  return new MirrorError(
    'REFUSED_ADDRESS',
    `${registryName(context.origin)} requested that its credentials${source} be sent to another host, ${url.host}; they were not sent`,
    {
      hint: `pass options.tokenHosts ${url.host} if that host is its token server, or remove the credentials to continue anonymously`,
    },
  )
}

function downgrade({ context }: TokenQuestion, url: URL): MirrorError {
  return new MirrorError(
    'REFUSED_ADDRESS',
    `the token server ${url.host} of ${registryName(context.origin)} redirects from HTTPS to plain HTTP`,
  )
}

function codeOf(status: number): ErrorCode {
  if (status === 429) return 'THROTTLED'
  if (status === 408 || status === 425 || status >= 500) return 'UNAVAILABLE'
  if (status === 401) return 'UNAUTHORIZED'
  return status === 400 || status === 403 ? 'DENIED' : 'PROTOCOL'
}

/** The token server's words; nothing of an answer that repeats some of what it was sent. */
function reasonOf(body: Uint8Array, found: FoundCredentials | undefined): string {
  const { text } = repeatsSecret(body, found, basicHeader(found?.credentials)) ? { text: '' } : parseErrorBody(body)
  return text === '' ? '' : `: ${text}`
}

function refused({ context, found, lookedIn }: TokenQuestion, { status, url, headers, body }: HttpResponse): MirrorError {
  const registry = registryName(context.origin)
  const code = codeOf(status)
  const reason = reasonOf(body, found)
  if (code !== 'UNAUTHORIZED' && code !== 'DENIED') {
    return new MirrorError(code, `the token server ${url.host} of ${registry} answered with status ${status}${reason}`, {
      retryAfter: parseRetryAfter(headers.get('retry-after')),
    })
  }
  const who =
    found === undefined ? `no credentials were found for ${registry}; looked in ${lookedIn}` : `asked ${describeCredentials(found)}`
  return new MirrorError(code, `the token server ${url.host} of ${registry} gave no token (status ${status}${reason}): ${who}`, {
    hint: found === undefined ? logInHint : 'check the user name, the password and the permissions of this user',
  })
}
