import type { HttpClient } from '../../../src/http/http-client.ts'
import type { HttpMethod, HttpResponse } from '../../../src/http/message.ts'
import type { Authorizer } from '../../../src/registry/auth/authorizer.ts'
import type { Credentials, CredentialsSource } from '../../../src/registry/auth/credentials.ts'

/** A secret that only its own registry may receive. */
export const canary = 'c4nary-p4ssword'

/** Sends a request as often as its authorization finds worth it. */
export async function sendAuthorized(
  authorizer: Authorizer,
  client: HttpClient,
  url: string | URL,
  scopes: readonly string[],
  options: { readonly method?: HttpMethod; readonly signal?: AbortSignal; readonly redirects?: number } = {},
): Promise<HttpResponse> {
  const { method = 'GET', signal, redirects } = options
  const { origin, pathname } = new URL(url)
  const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(pathname) ?? []
  const authorization = authorizer.forRequest(origin, { scopes, repository })
  for (;;) {
    const response = await authorization.send(
      (value) => {
        const headers = value === undefined ? {} : { authorization: value }
        return client.request({ method, url: new URL(url), headers, signal, redirects })
      },
      { signal },
    )
    if (!(await authorization.shouldResend(response, { signal }))) return response
  }
}

/** Gives the same credentials to everyone who asks, as no real source does: what is not sent is then held back by the authorizer. */
export function alwaysCredentials(credentials: Credentials): CredentialsSource {
  return { name: 'the test', find: () => Promise.resolve(credentials) }
}

/** User `alice` with the canary as password. */
export const alice: CredentialsSource = alwaysCredentials({ kind: 'basic', username: 'alice', password: canary })

/** What an Authorization header says in the clear. */
export function decodeBasic(header: string | undefined): string | undefined {
  return header?.startsWith('Basic ') ? Buffer.from(header.slice(6), 'base64').toString('utf8') : undefined
}
