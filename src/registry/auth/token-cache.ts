import { SingleFlight } from '../../async/single-flight.ts'
import type { Clock, Token } from './token-answer.ts'

/** Tokens by what they were asked for, renewed early, with one request at a time for each. */
export class TokenCache {
  readonly #clock: Clock
  readonly #tokens = new Map<string, Token>()
  readonly #requests = new SingleFlight<Token>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The token under this key, or the one that `request` brings. */
  async get(key: string, request: (signal: AbortSignal) => Promise<Token>, signal?: AbortSignal): Promise<string> {
    const known = this.#tokens.get(key)
    if (known !== undefined && this.#clock.monotonic() < known.renewAt) return known.value
    const fetched = async (shared: AbortSignal): Promise<Token> => {
      const token = await request(shared)
      this.#tokens.set(key, token)
      return token
    }
    return (await this.#requests.run(key, fetched, signal)).value
  }

  /** Drops a token that a registry did not accept; one that has replaced it meanwhile stays. */
  drop(value: string): void {
    for (const [key, token] of this.#tokens) if (token.value === value) this.#tokens.delete(key)
  }
}
