import { MirrorError } from '../../../src/errors.ts'
import { HttpClient } from '../../../src/http/http-client.ts'
import { createAuthorizer, type Authorizer, type AuthorizerOptions } from '../../../src/registry/auth/authorizer.ts'
import { scriptedServer, type ScriptedHandler, type ScriptedRequest, type ScriptedServer } from '../../servers/scripted-server.ts'
import { canary } from './send-authorized.ts'

/** A registry and its token server, both scripted, with a client and an authorizer for them. */
export interface Setup extends AsyncDisposable {
  readonly registry: ScriptedServer
  readonly tokenServer: ScriptedServer
  readonly client: HttpClient
  readonly authorizer: Authorizer
}

/** How the two servers behave where a test wants something of its own. */
export interface SetupOptions {
  /** The answer to a request for a token; default: a new token every time, `t1`, `t2`, … */
  readonly token?: ScriptedHandler
  /** Whether the registry accepts this token; default: every one. */
  readonly accepts?: (token: string, request: ScriptedRequest) => boolean
  /** The WWW-Authenticate of a 401; default: Bearer with the token server as realm. */
  readonly challenge?: (realm: string, request: ScriptedRequest) => string | readonly string[] | undefined
  readonly authorizer?: Omit<Partial<AuthorizerOptions>, 'client'>
}

/** Starts both servers. */
export async function tokenSetup(options: SetupOptions = {}): Promise<Setup> {
  const { accepts = () => true } = options
  const tokenServer = await scriptedServer(
    options.token ?? ((request, response) => void response.end(JSON.stringify({ token: `t${request.index + 1}` }))),
  )
  const realm = `${tokenServer.url}/token`
  const challenge = options.challenge ?? (() => `Bearer realm="${realm}",service="registry.test"`)
  const registry = await scriptedServer((request, response) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
    if (token !== undefined && accepts(token, request)) return void response.end('content')
    const value = challenge(realm, request)
    response.writeHead(401, value === undefined ? {} : { 'www-authenticate': typeof value === 'string' ? value : [...value] }).end()
  })
  const client = new HttpClient()
  return {
    registry,
    tokenServer,
    client,
    authorizer: createAuthorizer({ client, ...options.authorizer }),
    async [Symbol.asyncDispose]() {
      await client.close()
      await registry[Symbol.asyncDispose]()
      await tokenServer[Symbol.asyncDispose]()
    },
  }
}

/** The error of a promise that has to fail, once it is sure that it gives no secret away. */
export async function failureOf(promise: Promise<unknown>): Promise<MirrorError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof MirrorError)) throw new Error('expected a MirrorError', { cause: error })
  const text = [error.message, error.hint, String(error.cause), error.stack].join('\n')
  for (const secret of [canary, Buffer.from(`alice:${canary}`).toString('base64')]) {
    if (text.includes(secret)) throw new Error('the error contains the password')
  }
  return error
}
