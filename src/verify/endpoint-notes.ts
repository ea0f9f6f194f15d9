import { locationOf, reasonOfFailure, type CheckedEndpoint, type Failure } from './checked-endpoint.ts'
import type { EndpointVerdict } from './image-verdict.ts'

interface Note {
  parts: number
  hasFailed: boolean
  reason: string | undefined
}

/** What each endpoint did for one image, from which its verdict comes. */
export class EndpointNotes {
  readonly #notes = new Map<CheckedEndpoint, Note>()

  /** The endpoint had something that was asked for. */
  serves(endpoint: CheckedEndpoint): void {
    this.#note(endpoint).parts++
  }

  /** The first failure of an endpoint stands for all. */
  fails(failure: Failure, what?: string): void {
    const note = this.#note(failure.endpoint)
    note.hasFailed = true
    const reason = reasonOfFailure(failure)
    note.reason ??= what === undefined ? reason : `${what}: ${reason}`
  }

  /** The endpoint would have been asked later, and has something else. */
  differs(endpoint: CheckedEndpoint, digest: string): void {
    this.#note(endpoint).reason ??= `has ${digest}`
  }

  /** The verdicts on the endpoints, in their order. */
  verdicts(endpoints: readonly CheckedEndpoint[]): readonly EndpointVerdict[] {
    const serving = endpoints.filter((endpoint) => this.#note(endpoint).parts > 0)
    return endpoints.map((endpoint) => {
      const { url, repository, isDefault, askedAs } = endpoint
      const { parts, hasFailed, reason } = this.#note(endpoint)
      const isWhole = serving.length === 1 && !hasFailed
      const status = parts > 0 ? (isWhole ? 'serves' : 'serves-part') : hasFailed ? 'failed' : 'not-needed'
      return { url, repository: repository.path, isDefault, ...(askedAs && { askedAs }), status, ...(reason !== undefined && { reason }) }
    })
  }

  #note(endpoint: CheckedEndpoint): Note {
    const note = this.#notes.get(endpoint) ?? { parts: 0, hasFailed: false, reason: undefined }
    this.#notes.set(endpoint, note)
    return note
  }
}

/** Where it was looked for and why it was not found there, for the end of a message. */
export function describeFailures(failures: readonly Failure[]): string {
  return failures.map((failure) => `${locationOf(failure.endpoint)}: ${reasonOfFailure(failure)}`).join('; ')
}
