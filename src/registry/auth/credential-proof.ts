import type { MirrorError } from '../../errors.ts'
import { withSignal } from '../../async/single-flight.ts'

/**
 * Lets one attempt find out whether credentials are right before others use them, and none use them once they were
 * refused: fifty parallel requests with a wrong password must not lock the account.
 */
export class CredentialProof {
  #proven = false
  #refusal: MirrorError | undefined
  #attempt: Promise<void> | undefined

  /** Whether credentials were accepted once. */
  get proven(): boolean {
    return this.#proven
  }

  /** Runs the task, alone until one has succeeded. An error that `refuses` picks out is thrown at everyone from then on. */
  async run<T>(task: () => Promise<T>, refuses: (error: unknown) => error is MirrorError, signal?: AbortSignal): Promise<T> {
    while (!this.#proven && this.#refusal === undefined && this.#attempt !== undefined) await withSignal(this.#attempt, signal)
    if (this.#refusal !== undefined) throw this.#refusal
    if (this.#proven) return task()
    const attempt = task()
    this.#attempt = attempt.then(
      () => undefined,
      () => undefined,
    )
    try {
      const result = await attempt
      this.#proven = true
      return result
    } catch (error) {
      if (refuses(error)) this.#refusal = error
      throw error
    } finally {
      this.#attempt = undefined
    }
  }
}
