import { isMirrorError, type ErrorCode, type MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { locationOf, reasonOf, type CheckedEndpoint } from './checked-endpoint.ts'
import type { ExpectedDigest } from './expected-digest.ts'
import type { EndpointVerdict, Problem } from './image-verdict.ts'

/** One image, and everybody it may be had from. */
export interface SoughtImage {
  /** What messages call it. */
  readonly name: string
  /** What is asked for: the digest where there is one. */
  readonly root: { readonly tag?: string; readonly digest?: Digest }
  /** In the order in which a node tries them; for a destination, only that one. */
  readonly endpoints: readonly CheckedEndpoint[]
  /** What it ought to be; nothing is compared where this is empty. */
  readonly expected: readonly ExpectedDigest[]
}

interface Found<T> {
  readonly value: T
  readonly endpoint: CheckedEndpoint
}

interface Failure {
  readonly error: MirrorError
  readonly endpoint: CheckedEndpoint
}

/** What came of asking endpoints in their order; `failures` are of those that were asked before the one that had it. */
interface Answers<T> {
  readonly found?: Found<T>
  readonly failures: readonly Failure[]
}

/** Who answers for the root, and what others say. */
interface RootAnswer {
  readonly found?: Found<Descriptor> | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

interface Note {
  parts: number
  hasFailed: boolean
  reason?: string
}

type Ask<T> = (endpoint: CheckedEndpoint) => Promise<T>

/** An endpoint answered, and wrongly: a pull ends there, and no other endpoint is asked. */
const final: ReadonlySet<ErrorCode> = new Set(['INTEGRITY', 'INVALID_MANIFEST', 'UNSUPPORTED'])

/** What a registry answers that is there and does not let us in. */
const refusals: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'DENIED'])

/** Asks for one image and all below it as containerd does, and keeps what each endpoint did; the image's own registry is asked whether it would have it. */
export class ImageSearch {
  readonly #image: SoughtImage
  readonly #signal: AbortSignal | undefined
  readonly #mirrors: readonly CheckedEndpoint[]
  readonly #upstream: readonly CheckedEndpoint[]
  readonly #notes: ReadonlyMap<CheckedEndpoint, Note>

  constructor(image: SoughtImage, signal: AbortSignal | undefined) {
    this.#image = image
    this.#signal = signal
    this.#mirrors = image.endpoints.filter((endpoint) => !endpoint.isUpstream)
    this.#upstream = image.endpoints.filter((endpoint) => endpoint.isUpstream)
    this.#notes = new Map(image.endpoints.map((endpoint) => [endpoint, { parts: 0, hasFailed: false }]))
  }

  /** Asks every mirror for the root, because one that has something else, or does not answer, is worth knowing before the first one fails. */
  async root(): Promise<RootAnswer> {
    const { name, root } = this.#image
    const head: Ask<Descriptor> = ({ place, repository }) => place.head({ ...repository, ...root }, { signal: this.#signal })
    const answers = await Promise.all(this.#mirrors.map((endpoint) => this.#ask(endpoint, head)))
    const [first, ...others] = answers.filter((answer) => 'value' in answer)
    if (first === undefined) {
      const what = root.digest === undefined ? `tag ${root.tag ?? 'latest'}` : `digest ${root.digest}`
      const failures = answers.filter((answer) => 'error' in answer)
      const upstream = await this.#inOrder(this.#upstream, head)
      return { found: upstream.found, problems: [this.#absence(what, failures, upstream, true)], warnings: [] }
    }
    const different = others.filter(({ value }) => value.digest !== first.value.digest)
    const warnings = different.map(({ endpoint, value: { digest } }) => {
      this.#note(endpoint).reason ??= `has ${digest}`
      return `${name}: mirrors disagree: ${locationOf(first.endpoint)} has ${first.value.digest}, ${locationOf(endpoint)} ${digest}`
    })
    return { found: first, problems: [], warnings }
  }

  /** Asks the mirrors for something, and where none has it, the image's own registry whether it would. */
  async find<T>(what: string, ask: Ask<T>, isUpstream: Ask<unknown>): Promise<Found<T> | { readonly problem: Problem }> {
    const { found, failures } = await this.#inOrder(this.#mirrors, ask, what)
    if (found !== undefined) return found
    const upstream = failures.some(isWrong) ? { failures: [] } : await this.#inOrder(this.#upstream, isUpstream, what)
    return { problem: this.#absence(what, failures, upstream) }
  }

  /** The verdicts on the endpoints, in their order. */
  verdicts(): readonly EndpointVerdict[] {
    const serving = [...this.#notes.values()].filter(({ parts }) => parts > 0)
    return [...this.#notes].map(([{ url, repository, isDefault, askedAs }, { parts, hasFailed, reason }]) => {
      const isWhole = serving.length === 1 && !hasFailed
      const status = parts > 0 ? (isWhole ? 'serves' : 'serves-part') : hasFailed ? 'failed' : 'not-needed'
      return { url, repository: repository.path, isDefault, ...(askedAs && { askedAs }), status, ...(reason !== undefined && { reason }) }
    })
  }

  async #inOrder<T>(endpoints: readonly CheckedEndpoint[], ask: Ask<T>, what?: string): Promise<Answers<T>> {
    const failures: Failure[] = []
    for (const endpoint of endpoints) {
      const answer = await this.#ask(endpoint, ask, what)
      if ('value' in answer) {
        this.#note(endpoint).parts++
        return { found: answer, failures }
      }
      failures.push(answer)
      if (isWrong(answer)) break
    }
    return { failures }
  }

  /** The first failure of an endpoint stands for all. */
  async #ask<T>(endpoint: CheckedEndpoint, ask: Ask<T>, what?: string): Promise<Found<T> | Failure> {
    try {
      return { endpoint, value: await ask(endpoint) }
    } catch (error) {
      this.#signal?.throwIfAborted()
      if (!isMirrorError(error)) throw error
      const note = this.#note(endpoint)
      note.hasFailed = true
      note.reason ??= `${what === undefined ? '' : `${what}: `}${reasonOfFailure({ endpoint, error })}`
      return { endpoint, error }
    }
  }

  #note(endpoint: CheckedEndpoint): Note {
    return this.#notes.get(endpoint) as Note
  }

  /** The problem of what no mirror could give, with every endpoint's reason, on one line: `tag 1`, `layer sha256:… (linux/amd64)`. */
  #absence(what: string, failures: readonly Failure[], upstream: Answers<unknown>, isRoot = false): Problem {
    const missing = `${this.#image.name}: ${what} is`
    const wrong = failures.find(isWrong)
    if (wrong !== undefined)
      return { status: 'damaged', code: wrong.error.code, message: `${missing} damaged: ${describeFailures([wrong])}` }
    if (upstream.found !== undefined) {
      const why = failures.length === 0 ? 'no mirror is configured for it' : describeFailures(failures)
      const message = `${missing} only reachable upstream, at ${locationOf(upstream.found.endpoint)}: ${why}`
      return { status: 'upstream-only', code: 'UPSTREAM_ONLY', message }
    }
    const all = [...failures, ...upstream.failures]
    const reasons = all.length === 0 ? 'there is no endpoint to ask' : describeFailures(all)
    const failed = failures.find(({ error }) => error.code !== 'NOT_FOUND') ?? (failures.length === 0 ? upstream.failures[0] : undefined)
    if (failed !== undefined && failed.error.code !== 'NOT_FOUND') {
      const { code } = failed.error
      const message = `${this.#image.name}: ${what} cannot be fetched: ${reasons}`
      return { status: refusals.has(code) ? 'refused' : 'unreachable', code, message }
    }
    return { status: isRoot ? 'missing' : 'incomplete', code: 'NOT_FOUND', message: `${missing} missing: ${reasons}` }
  }
}

/** True for an answer that is wrong, rather than no answer. */
function isWrong({ error }: Failure): boolean {
  return final.has(error.code)
}

/** Why an endpoint failed; where an image is not found, also that no rewrite renamed it. */
function reasonOfFailure({ endpoint, error }: Failure): string {
  const reason = reasonOf(error, endpoint.url)
  return error.code === 'NOT_FOUND' && endpoint.missesRewrites === true ? `${reason}, under a name that no rewrite changes` : reason
}

/** Where it was looked for and why it was not found there, for the end of a message. */
function describeFailures(failures: readonly Failure[]): string {
  return failures.map((failure) => `${locationOf(failure.endpoint)}: ${reasonOfFailure(failure)}`).join('; ')
}
