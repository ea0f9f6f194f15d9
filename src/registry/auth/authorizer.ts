import { MirrorError } from '../../errors.ts'
import type { HttpClient } from '../../http/http-client.ts'
import { RegistryAnswer } from '../registry-error.ts'
import { logInHint, registryName, type CredentialsSource } from './credentials.ts'
import { OriginAccess, type AccessOptions, type Answer, type Sent } from './origin-access.ts'
import { normaliseScopes, type Scope } from './scope.ts'
import { systemClock, type Clock } from './token-answer.ts'

/** Options of createAuthorizer. */
export interface AuthorizerOptions {
  readonly client: HttpClient
  /** Where credentials are looked for, in this order; default: nowhere. */
  readonly credentials?: readonly CredentialsSource[] | undefined
  /** Hosts, `host` or `host:port`, that may see a registry's credentials as its token server though they are of another domain. */
  readonly tokenHosts?: readonly string[] | undefined
  readonly clock?: Clock | undefined
}

/** The authorization of one request, through all the times it is sent. */
export interface RequestAuthorization {
  /**
   * The Authorization header to send it with; undefined for none. It is meant for the origin alone. Throws what asking for a token throws:
   * UNAUTHORIZED, DENIED, REFUSED_ADDRESS, PROTOCOL, a failure of the network.
   */
  header(options?: { readonly signal?: AbortSignal | undefined }): Promise<string | undefined>
  /**
   * True when the answer is a 401 after which the request is worth sending again with a new `header()`; false for any other answer, one of
   * another origin included. Throws UNAUTHORIZED for a 401 that is final, UNSUPPORTED, REFUSED_ADDRESS.
   */
  shouldResend(answer: Answer, options?: { readonly signal?: AbortSignal | undefined }): Promise<boolean>
  /** Says with whose credentials it was sent, or where none were found, without any secret: for the message of a 403. */
  describe(): string
}

/** Answers the challenges of registries: https://distribution.github.io/distribution/spec/auth/ */
export interface Authorizer {
  /** `origin` is `scheme://host[:port]`; the scopes are those a token would need, the destination's first. */
  forRequest(origin: string, scopes: readonly Scope[]): RequestAuthorization
}

class ChallengedRequest implements RequestAuthorization {
  readonly #origin: string
  readonly #access: OriginAccess
  readonly #asked: readonly Scope[]
  #sent: Sent = { scheme: 'none' }
  #renewed = false
  #switched = false

  constructor(origin: string, access: OriginAccess, scopes: readonly Scope[]) {
    this.#origin = origin
    this.#access = access
    this.#asked = scopes
  }

  /** Worked out where a challenge makes them matter. */
  get #scopes(): readonly Scope[] {
    return normaliseScopes(this.#asked)
  }

  async header({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<string | undefined> {
    this.#sent = await this.#access.sent(() => this.#scopes, signal)
    return this.#sent.scheme === 'none' ? undefined : this.#sent.header
  }

  async shouldResend(answer: Answer, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<boolean> {
    // what another origin, behind a redirect, asks for is no business of these credentials
    if (answer.status !== 401 || answer.url.origin !== this.#origin) return false
    const sent = this.#sent
    const challenge = await this.#access.learn(answer, signal)
    if (challenge === undefined) throw this.#final('without saying how to log in')
    if (challenge.scheme !== sent.scheme) {
      if (this.#switched) throw this.#final()
      this.#switched = true
      if (challenge.scheme === 'basic' && (await this.#access.credentials(signal)) === undefined) throw this.#final()
      if (challenge.scheme === 'bearer' && this.#scopes.length === 0) this.#access.widen(this.#scopes, challenge)
      return true
    }
    if (challenge.scheme === 'basic' || this.#renewed || sent.scheme !== 'bearer' || !sent.renewable) throw this.#final()
    this.#renewed = true
    this.#access.dropToken(sent.token)
    this.#access.widen(this.#scopes, challenge)
    return true
  }

  describe(): string {
    return this.#access.describe()
  }

  #final(how = ''): MirrorError {
    const message = `${registryName(this.#origin)} refused the request${how === '' ? '' : ` ${how}`} (status 401): ${this.#access.describe()}`
    if (how === '' && !this.#access.hasCredentials) return new MirrorError('UNAUTHORIZED', message, { hint: logInHint })
    return new MirrorError('UNAUTHORIZED', message, {
      hint: 'Check the credentials and what they allow; some registries answer the same for a repository that does not exist.',
      cause: new RegistryAnswer(401, []),
    })
  }
}

/** An authorizer that knows no challenge yet; what it learns is shared by all its requests. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { client, credentials = [], tokenHosts = [], clock = systemClock } = options
  const shared: AccessOptions = { client, credentials, tokenHosts, clock }
  const accesses = new Map<string, OriginAccess>()
  return {
    forRequest(origin, scopes) {
      const exact = new URL(origin).origin
      const access = accesses.get(exact) ?? new OriginAccess(exact, shared)
      accesses.set(exact, access)
      return new ChallengedRequest(exact, access, scopes)
    },
  }
}
