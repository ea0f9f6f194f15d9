import { SingleFlight, withSignal } from '../../async/single-flight.ts'
import { isMirrorError, MirrorError } from '../../errors.ts'
import type { HttpClient } from '../../http/http-client.ts'
import type { HttpResponse } from '../../http/message.ts'
import { chooseChallenge, parseChallenges, type BearerChallenge, type UsableChallenge } from './challenge.ts'
import {
  basicAuthorization,
  describeCredentials,
  findCredentials,
  registryName,
  type CredentialsSource,
  type FoundCredentials,
  type LookupOptions,
} from './credentials.ts'
import type { RealmContext } from './realm.ts'
import { normaliseScopes, parseScopes, type Scope } from './scope.ts'
import type { Clock, Token } from './token.ts'

/** What one attempt says of the credentials it was made with; an error is thrown at everyone who wants to use them for the same from then on. */
export type Verdict = 'accepted' | 'undecided' | MirrorError

/** Lets one attempt prove credentials before others use them: fifty parallel requests with a wrong password must not lock the account. */
export class CredentialProof {
  readonly #mostRefusals: number
  #proven = false
  readonly #refusals = new Map<string, MirrorError>()
  #attempt: Promise<void> | undefined

  /** `mostRefusals` is how many repositories may refuse the credentials before they are used for none. */
  constructor(mostRefusals: number) {
    this.#mostRefusals = mostRefusals
  }

  /** Why the credentials are not used for this repository; undefined where they may be. */
  refusal(repository: string): MirrorError | undefined {
    if (this.#proven) return undefined
    return this.#refusals.get(repository) ?? (this.#refusals.size < this.#mostRefusals ? undefined : [...this.#refusals.values()].at(-1))
  }

  /** Runs the task, one at a time until an outcome shows that the credentials are accepted. */
  async run<T>(
    task: () => Promise<T>,
    judge: (outcome: PromiseSettledResult<T>) => Verdict,
    { repository, signal }: { readonly repository: string; readonly signal?: AbortSignal | undefined },
  ): Promise<T> {
    while (!this.#proven && this.refusal(repository) === undefined && this.#attempt !== undefined) await withSignal(this.#attempt, signal)
    const refusal = this.refusal(repository)
    if (refusal !== undefined) throw refusal
    if (this.#proven) return task()
    let end = (): void => undefined
    this.#attempt = new Promise((resolve) => (end = resolve))
    const [outcome] = await Promise.allSettled([task()])
    const verdict = judge(outcome)
    if (verdict === 'accepted') this.#proven = true
    else if (verdict !== 'undecided') this.#refusals.set(repository, verdict)
    this.#attempt = undefined
    end()
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }
}

/** What access to an origin is worked out with. */
export interface AccessOptions {
  readonly client: HttpClient
  /** Sources of credentials, in the order of look-up; default: none. */
  readonly credentials: readonly CredentialsSource[]
  /** Hosts, `host` or `host:port`, that may see a registry's credentials as its token server though they are of another domain. */
  readonly tokenHosts: readonly string[]
  readonly clock: Clock
  /** Ask `/v2/` for a challenge where a repository is not given to an anonymous request; default true. containerd does not. */
  readonly probes: boolean
  /** Repositories that may refuse Basic credentials before they are sent no more; default 2, for the first may be one that this user may not see. */
  readonly mostRefusals: number
  /** Called with a sentence about credentials that can be used and look wrong. */
  readonly onWarning?: ((message: string) => void) | undefined
}

/** The head of an answer, and where it came from after redirects. */
export type Answer = Omit<HttpResponse, 'body'>

/** What a request asks for. */
export interface Asked {
  /** The repository's path at the registry; undefined for none. */
  readonly repository?: string | undefined
  /** In normal form; worked out where a challenge makes them matter. */
  readonly scopes: () => readonly Scope[]
}

/** What a request is sent with, and whose credentials those are. */
export type Sent = { readonly found?: FoundCredentials | undefined } & (
  | { readonly scheme: 'none' }
  | { readonly scheme: 'basic'; readonly header: string; readonly proof: CredentialProof }
  | { readonly scheme: 'bearer'; readonly header: string; readonly token: string; readonly renewable: boolean }
)

/** Bytes of an answer of `/v2/`, which may be a page for people. */
const pingBytes = 4 * 1024 * 1024

/** `…/v2/` of a request to a registry, which may stand under a path of its own. */
function pingUrl(request: URL): URL {
  const at = request.pathname.indexOf('/v2/')
  return new URL(at === -1 ? '/v2/' : request.pathname.slice(0, at + 4), request.origin)
}

/** What is known of one origin: its challenge, its credentials, its tokens. */
export class OriginAccess {
  readonly #origin: string
  readonly #options: AccessOptions
  readonly #tokens = new Map<string, Token>()
  readonly #tokenRequests = new SingleFlight<Token>()
  readonly #proofs = new Map<string, CredentialProof>()
  readonly #pings = new SingleFlight<HttpResponse>()
  readonly #wider = new Map<string, readonly Scope[]>()
  readonly #credentials = new Map<string, Promise<FoundCredentials | undefined>>()
  #challenge: UsableChallenge | undefined
  #probe: Promise<boolean> | undefined
  #base: URL
  #address: string | undefined

  constructor(origin: string, options: AccessOptions) {
    this.#origin = origin
    this.#options = options
    this.#base = new URL('/v2/', origin)
  }

  /** What a request is to be sent with, by what is known so far. */
  async sent(asked: Asked, signal?: AbortSignal): Promise<Sent> {
    const challenge = this.#challenge
    if (challenge === undefined) return { scheme: 'none' }
    const found = await this.credentials(asked.repository, signal)
    if (challenge.scheme === 'basic') return found === undefined ? { scheme: 'none' } : this.#basic(found)
    if (found?.credentials.kind === 'registry-token') {
      const { token } = found.credentials
      return { scheme: 'bearer', header: `Bearer ${token}`, token, renewable: false, found }
    }
    const token = await this.#token(challenge, found, asked.scopes(), signal)
    return { scheme: 'bearer', header: `Bearer ${token}`, token, renewable: true, found }
  }

  /** The credentials for a repository, looked up once and not before a challenge asks for them. */
  async credentials(repository = '', signal?: AbortSignal): Promise<FoundCredentials | undefined> {
    // the lookup is shared by every request, so no single request's signal may end it; a helper has its own time limit
    const { credentials, onWarning } = this.#options
    const lookup = this.#credentials.get(repository) ?? findCredentials(credentials, this.#origin, { repository, onWarning })
    this.#credentials.set(repository, lookup)
    return withSignal(lookup, signal)
  }

  /** Keeps the challenge of a 401, or of `/v2/` where the 401 lacks one; undefined when neither has one. */
  async learn(answer: Answer, signal?: AbortSignal): Promise<UsableChallenge | undefined> {
    return (await this.#keep(answer)) ?? this.#learnFromPing(answer.url, signal)
  }

  /** True where a challenge is known after `/v2/` was asked for it, once in a run; it is not asked where there is nothing to answer one with. */
  async probe(
    request: URL,
    { repository, needsCredentials, signal }: { readonly needsCredentials: boolean } & LookupOptions,
  ): Promise<boolean> {
    if (!this.#options.probes) return false
    // A configuration that cannot be read hinders no run that needs none.
    if (needsCredentials && (await this.credentials(repository, signal).catch(() => undefined)) === undefined) return false
    // Others may have learned it since the request was sent.
    if (this.#challenge !== undefined) return true
    this.#probe ??= this.#learnFromPing(request).then(
      (challenge) => challenge !== undefined,
      () => false,
    )
    return withSignal(this.#probe, signal)
  }

  async #learnFromPing(request: URL, signal?: AbortSignal): Promise<UsableChallenge | undefined> {
    const ping = { method: 'GET', url: pingUrl(request), maxBytes: pingBytes } as const
    const answer = await this.#pings.run('', (shared) => this.#options.client.request({ ...ping, signal: shared }), signal)
    return answer.status === 401 ? this.#keep(answer) : undefined
  }

  async #keep(answer: Answer): Promise<UsableChallenge | undefined> {
    const challenge = chooseChallenge(parseChallenges(answer.headers.all('www-authenticate')), registryName(this.#origin))
    if (challenge === undefined) return undefined
    if (challenge.scheme === 'bearer') {
      const { tokenEndpoint } = await import('./realm.ts')
      tokenEndpoint(challenge.realm, { ...this.#context(), base: answer.url, address: answer.address })
    }
    this.#challenge = challenge
    this.#base = answer.url
    this.#address = answer.address
    return challenge
  }

  /** From now on asks for the challenge's scopes too where these are asked for. */
  widen(scopes: readonly Scope[], challenge: BearerChallenge): void {
    this.#wider.set(scopes.join(' '), normaliseScopes([...this.#widened(scopes), ...parseScopes(challenge.scope)]))
  }

  /** Drops a token that a registry did not accept; one that has replaced it meanwhile stays. */
  dropToken(dropped: string): void {
    for (const [key, { value }] of this.#tokens) if (value === dropped) this.#tokens.delete(key)
  }

  /** Says what a request was sent with, without any secret, for the end of a message. */
  describe(found: FoundCredentials | undefined): string {
    if (found !== undefined) return `sent ${describeCredentials(found)}`
    return `no credentials were found for ${registryName(this.#origin)}; looked in ${this.#lookedIn()}`
  }

  #lookedIn(): string {
    return this.#options.credentials.map(({ name }) => name).join(', ') || 'no place at all'
  }

  #widened(scopes: readonly Scope[]): readonly Scope[] {
    return this.#wider.get(scopes.join(' ')) ?? scopes
  }

  #context(): RealmContext {
    return { origin: this.#origin, base: this.#base, address: this.#address, tokenHosts: this.#options.tokenHosts }
  }

  #proofOf({ credentials }: FoundCredentials): CredentialProof {
    const key = JSON.stringify(credentials)
    const proof = this.#proofs.get(key) ?? new CredentialProof(this.#options.mostRefusals)
    this.#proofs.set(key, proof)
    return proof
  }

  #basic(found: FoundCredentials): Sent {
    const { credentials } = found
    if (credentials.kind !== 'basic') {
      throw new MirrorError(
        'UNAUTHORIZED',
        `${registryName(this.#origin)} requires a user name and password, but ${found.source} has only a token for it`,
        { hint: 'log in with a user name and password' },
      )
    }
    const header = basicAuthorization(credentials.username, credentials.password)
    return { scheme: 'basic', header, proof: this.#proofOf(found), found }
  }

  /** A token is renewed early, with one request at a time for each. */
  async #token(
    challenge: BearerChallenge,
    found: FoundCredentials | undefined,
    own: readonly Scope[],
    signal?: AbortSignal,
  ): Promise<string> {
    const scopes = this.#widened(own)
    const { client, clock } = this.#options
    const question = { challenge, context: this.#context(), scopes, found, lookedIn: this.#lookedIn(), client, clock }
    const key = JSON.stringify([challenge.realm, challenge.service ?? null, scopes.toSorted(), found?.credentials ?? null])
    const judge = (outcome: PromiseSettledResult<Token>): Verdict => {
      if (outcome.status === 'fulfilled') return 'accepted'
      // Of several scopes a single one may be what is refused.
      const { reason }: { readonly reason: unknown } = outcome
      return scopes.length <= 1 && isMirrorError(reason) && reason.code === 'UNAUTHORIZED' ? reason : 'undecided'
    }
    const known = this.#tokens.get(key)
    if (known !== undefined && clock.monotonic() < known.renewAt) return known.value
    const request = async (shared: AbortSignal): Promise<Token> => {
      // Loaded where a registry wants tokens: the list of domain suffixes behind it is long.
      const ask = async (): Promise<Token> => (await import('./token.ts')).requestToken({ ...question, signal: shared })
      const token = await (found === undefined ? ask() : this.#proofOf(found).run(ask, judge, { repository: '', signal: shared }))
      this.#tokens.set(key, token)
      return token
    }
    return (await this.#tokenRequests.run(key, request, signal)).value
  }
}
