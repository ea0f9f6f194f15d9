import { withSignal } from '../../async/single-flight.ts'
import type { MirrorError } from '../../errors.ts'

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

  /** Runs the task, alone until the outcome of one was judged to accept the credentials. */
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
