import { MirrorError } from '../../errors.ts'
import type { CallOptions } from '../../oci/image-source.ts'
import { RegistryAnswer } from '../registry-error.ts'
import { logInHint, registryName, repeatsSecret } from './credentials.ts'
import { OriginAccess, type AccessOptions, type Answer, type Asked, type Sent, type Verdict } from './origin-access.ts'
import { normaliseScopes, type Scope } from './scope.ts'

/** Options of createAuthorizer: a client, and the rest where it is not to be the default. */
export type AuthorizerOptions = Pick<AccessOptions, 'client'> & {
  readonly [Name in keyof AccessOptions]?: AccessOptions[Name] | undefined
}

/** What a request is for. */
export interface RequestPurpose {
  /** Those that a token would need, the destination's first. */
  readonly scopes: readonly Scope[]
  /** The repository's path at the registry: some credentials are for some repositories only. */
  readonly repository?: string | undefined
}

/** Answers the challenges of registries: https://distribution.github.io/distribution/spec/auth/ */
export interface Authorizer {
  /** `origin` is `scheme://host[:port]`. */
  forRequest(origin: string, purpose: RequestPurpose): RequestAuthorization
}

const passing = new Set([408, 425, 429])

/** The authorization of one request, through all the times it is sent. */
export class RequestAuthorization {
  readonly #origin: string
  readonly #access: OriginAccess
  readonly #asked: Asked
  #sent: Sent = { scheme: 'none' }
  #renewed = false
  #switched = false

  constructor(origin: string, access: OriginAccess, { scopes, repository }: RequestPurpose) {
    this.#origin = origin
    this.#access = access
    this.#asked = { repository, scopes: () => normaliseScopes(scopes) }
  }

  /** Sends the request once, with the header that is right by what is known; credentials that were not accepted yet go out with one request at a time. */
  async send<R extends Answer>(transmit: (authorization: string | undefined) => Promise<R>, { signal }: CallOptions = {}): Promise<R> {
    const sent = await this.#access.sent(this.#asked, signal)
    this.#sent = sent
    if (sent.scheme === 'none') return transmit(undefined)
    if (sent.scheme === 'bearer') return transmit(sent.header)
    return sent.proof.run(
      () => transmit(sent.header),
      (outcome) => this.#judge(outcome),
      { repository: this.#repository, signal },
    )
  }

  /** True when the request is worth sending again after this answer; throws UNAUTHORIZED for a 401 that is final, UNSUPPORTED, REFUSED_ADDRESS. */
  async shouldResend(answer: Answer, { signal }: CallOptions = {}): Promise<boolean> {
    if (!this.#isRefusal(answer)) return this.#isHidden(answer, signal)
    const sent = this.#sent
    const refusal = sent.scheme === 'basic' ? sent.proof.refusal(this.#repository) : undefined
    if (refusal !== undefined) throw refusal
    const challenge = await this.#access.learn(answer, signal)
    if (challenge === undefined) throw this.#final('without an authentication challenge')
    if (challenge.scheme !== sent.scheme) {
      if (this.#switched) throw this.#final()
      this.#switched = true
      if (challenge.scheme === 'basic' && (await this.#access.credentials(this.#asked.repository, signal)) === undefined)
        throw this.#final()
      const scopes = this.#asked.scopes()
      if (challenge.scheme === 'bearer' && scopes.length === 0) this.#access.widen(scopes, challenge)
      return true
    }
    if (challenge.scheme === 'basic' || this.#renewed || sent.scheme !== 'bearer' || !sent.renewable) throw this.#final()
    this.#renewed = true
    this.#access.dropToken(sent.token)
    this.#access.widen(this.#asked.scopes(), challenge)
    return true
  }

  /** True where the body of an answer repeats some of what it was sent with, and must not be shown. */
  repeatsSecret(body: Uint8Array): boolean {
    const sent = this.#sent
    return sent.scheme !== 'none' && repeatsSecret(body, sent.found, sent.header)
  }

  get #repository(): string {
    return this.#asked.repository ?? ''
  }

  /** A challenge of another origin, behind a redirect, never gets these credentials. */
  #isRefusal({ status, url }: Answer): boolean {
    return status === 401 && url.origin === this.#origin
  }

  /** True where credentials may give what an anonymous request was not given: some registries name their challenge at `/v2/` only, and hide repositories. */
  async #isHidden({ status, url }: Answer, signal: AbortSignal | undefined): Promise<boolean> {
    const mayHide = status === 400 || status === 403 || status === 404
    if (!mayHide || this.#switched || this.#sent.scheme !== 'none' || url.origin !== this.#origin) return false
    this.#switched = true
    return this.#access.probe(url, { repository: this.#asked.repository, needsCredentials: status === 404, signal })
  }

  /** What the first request with Basic credentials says of them. */
  #judge(outcome: PromiseSettledResult<Answer>): Verdict {
    if (outcome.status === 'rejected') return 'undecided'
    const { status } = outcome.value
    if (status >= 500 || passing.has(status)) return 'undecided'
    if (!this.#isRefusal(outcome.value)) return 'accepted'
    const message = `${registryName(this.#origin)} refused the credentials ${this.#access.describe(this.#sent.found)}`
    return new MirrorError('UNAUTHORIZED', message, {
      hint: 'check the user name and password, and the permissions of this user; they are not tried again',
    })
  }

  #final(how = ''): MirrorError {
    const message = `${registryName(this.#origin)} refused the request${how === '' ? '' : ` ${how}`} (status 401): ${this.#access.describe(this.#sent.found)}`
    if (how === '' && this.#sent.found === undefined) return new MirrorError('UNAUTHORIZED', message, { hint: logInHint })
    return new MirrorError('UNAUTHORIZED', message, {
      hint: 'check the credentials and their permissions; some registries return the same for a repository that does not exist',
      cause: new RegistryAnswer(401, []),
    })
  }
}

/** The clocks of this machine. */
const systemClock: AccessOptions['clock'] = { date: () => Date.now(), monotonic: () => performance.now() }

/** An authorizer that knows no challenge yet; what it learns is shared by all its requests. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { client, credentials = [], tokenHosts = [], clock = systemClock, probes = true, mostRefusals = 2, onWarning } = options
  const warned = new Set<string>()
  const warnOnce = (message: string): void => {
    if (!warned.has(message)) onWarning?.(message)
    warned.add(message)
  }
  const shared: AccessOptions = { client, credentials, tokenHosts, clock, probes, mostRefusals, onWarning: warnOnce }
  const accesses = new Map<string, OriginAccess>()
  return {
    forRequest(origin, purpose) {
      const exact = new URL(origin).origin
      const access = accesses.get(exact) ?? new OriginAccess(exact, shared)
      accesses.set(exact, access)
      return new RequestAuthorization(exact, access, purpose)
    },
  }
}
