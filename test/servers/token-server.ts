import { createSign, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { selfSignedRsa, type KeyPair } from './certificates.ts'
import type { TokenTrust } from './docker-registry.ts'
import { listen } from './listen.ts'

/** One asked-for access: `repository:rancher/x:pull,push`. */
export interface Scope {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** One request as the token server saw it. */
export interface TokenRequest {
  readonly method: string
  readonly grant: 'basic' | 'anonymous' | 'refresh_token' | 'password' | 'refused'
  readonly user: string | undefined
  readonly service: string | undefined
  /** The scopes word by word, as they were asked for. */
  readonly scopes: readonly string[]
  readonly parameters: URLSearchParams
}

/** How the token server behaves; every field but `users` and `tls` can be changed while it runs. */
export interface TokenServerSettings {
  /** What a request is given of what it asks for; default: users get everything, others `pull`. */
  grant: (scope: Scope, user: string | undefined) => readonly string[]
  /** The `expires_in` that is announced; undefined leaves it out. */
  expiresIn: number | string | undefined
  /** Seconds until the token really ends; negative for one that has ended. A registry gives 60 s of grace. */
  lifetime: number
  /** Which field carries the token. */
  tokenField: 'token' | 'access_token'
  /** Status of every POST instead of an answer, as registries without OAuth2 give; undefined: POST works. */
  refusePost: number | undefined
}

/** What the token server is started with. */
export interface TokenServerOptions extends Partial<TokenServerSettings> {
  /** Passwords by user name. */
  readonly users?: Readonly<Record<string, string>>
  /** User names by identity (refresh) token. */
  readonly refreshTokens?: Readonly<Record<string, string>>
  /** PEM of the server's own certificate: the realm is https then. */
  readonly tls?: KeyPair
}

/** A running token server: https://distribution.github.io/distribution/spec/auth/token/ */
export interface TokenServer extends AsyncDisposable {
  /** URL of the token endpoint. */
  readonly realm: string
  /** For `startDockerRegistry({ token: server.trust })`. */
  readonly trust: TokenTrust
  readonly requests: readonly TokenRequest[]
  readonly settings: TokenServerSettings
}

const service = 'registry.test'
const issuer = 'k3s-mirror test tokens'

/** Starts a token server on a free loopback port; it signs with an RSA key that is made for it. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const signer = await selfSignedRsa(issuer)
  const requests: TokenRequest[] = []
  const settings: TokenServerSettings = {
    grant: options.grant ?? ((scope, user) => (user === undefined ? scope.actions.filter((action) => action === 'pull') : scope.actions)),
    expiresIn: 'expiresIn' in options ? options.expiresIn : 300,
    lifetime: options.lifetime ?? 300,
    tokenField: options.tokenField ?? 'token',
    refusePost: options.refusePost,
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await read(request, options)
    requests.push(seen)
    if (seen.method === 'POST' && settings.refusePost !== undefined) return reply(response, settings.refusePost, { error: 'unsupported' })
    if (seen.grant === 'refused') return reply(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'incorrect user or password' }] })
    const access = seen.scopes.map(parseScope).map((scope) => ({ ...scope, actions: settings.grant(scope, seen.user) }))
    const token = sign(signer, seen, access, settings.lifetime)
    const refresh = Object.entries(options.refreshTokens ?? {}).find(([, user]) => user === seen.user)?.[0]
    reply(response, 200, {
      [settings.tokenField]: token,
      expires_in: settings.expiresIn,
      issued_at: new Date().toISOString(),
      refresh_token: seen.grant === 'refresh_token' || seen.parameters.get('offline_token') === 'true' ? refresh : undefined,
    })
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => reply(response, 500, { error: String(error) }))
  }
  const server =
    options.tls === undefined ? createServer(listener) : createTlsServer({ cert: options.tls.certificate, key: options.tls.key }, listener)
  const { port, close } = await listen(server)
  const realm = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/token`
  return {
    realm,
    trust: { realm, service, issuer, certificate: signer.certificate },
    requests,
    settings,
    [Symbol.asyncDispose]: close,
  }
}

async function read(request: IncomingMessage, options: TokenServerOptions): Promise<TokenRequest> {
  const method = request.method ?? ''
  const body = await text(request)
  const parameters = method === 'POST' ? new URLSearchParams(body) : new URL(request.url ?? '/', 'http://localhost').searchParams
  const scopes = parameters
    .getAll('scope')
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '')
  const { grant, user } = method === 'POST' ? posted(parameters, options) : basic(request.headers.authorization, options)
  return { method, grant, user, service: parameters.get('service') ?? undefined, scopes, parameters }
}

function posted(parameters: URLSearchParams, options: TokenServerOptions): Pick<TokenRequest, 'grant' | 'user'> {
  if (parameters.get('grant_type') === 'refresh_token') {
    const user = options.refreshTokens?.[parameters.get('refresh_token') ?? '']
    return { grant: user === undefined ? 'refused' : 'refresh_token', user }
  }
  const user = parameters.get('username') ?? ''
  const right = parameters.get('grant_type') === 'password' && options.users?.[user] === parameters.get('password')
  return { grant: right ? 'password' : 'refused', user: right ? user : undefined }
}

function basic(authorization: string | undefined, options: TokenServerOptions): Pick<TokenRequest, 'grant' | 'user'> {
  if (authorization === undefined) return { grant: 'anonymous', user: undefined }
  const [scheme, encoded = ''] = authorization.split(' ')
  const credentials = Buffer.from(encoded, 'base64').toString('utf8')
  const user = credentials.slice(0, credentials.indexOf(':'))
  const right = scheme === 'Basic' && options.users?.[user] === credentials.slice(user.length + 1)
  return { grant: right ? 'basic' : 'refused', user: right ? user : undefined }
}

function parseScope(scope: string): Scope {
  const type = scope.slice(0, scope.indexOf(':'))
  const last = scope.lastIndexOf(':')
  return { type, name: scope.slice(type.length + 1, last), actions: scope.slice(last + 1).split(',') }
}

function sign(signer: KeyPair, request: TokenRequest, access: readonly Scope[], lifetime: number): string {
  const now = Math.floor(Date.now() / 1000)
  const certificate = signer.certificate.replaceAll(/-----[A-Z ]+-----|\s/g, '')
  const header = { typ: 'JWT', alg: 'RS256', x5c: [certificate] }
  const begin = Math.min(now, now + lifetime) - 10
  const claims = {
    iss: issuer,
    sub: request.user ?? '',
    aud: service,
    exp: now + lifetime,
    nbf: begin,
    iat: begin,
    jti: randomUUID(),
    access,
  }
  const unsigned = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(signer.key, 'base64url')}`
}

function reply(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document))
}
