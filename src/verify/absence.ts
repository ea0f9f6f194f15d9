import type { ErrorCode } from '../errors.ts'
import { isWrong, locationOf, type Failure, type Search } from './checked-endpoint.ts'
import { describeFailures } from './endpoint-notes.ts'
import type { Problem } from './image-verdict.ts'

/** What a registry answers that is there and does not let us in. */
const refusals: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'DENIED'])

/** Something that no mirror could give. */
export interface Absence {
  /** The image. */
  readonly name: string
  /** The part of it: `tag 1`, `layer sha256:… (linux/amd64)`. */
  readonly what: string
  /** Of the mirrors, in their order. */
  readonly failures: readonly Failure[]
  /** What came of asking the image's own registry. */
  readonly upstream: Search<unknown>
  /** It is the image itself. */
  readonly isRoot?: boolean
}

/** The problem that it is, with every endpoint's reason, on one line. */
export function absence({ name, what, failures, upstream, isRoot = false }: Absence): Problem {
  const wrong = failures.find(isWrong)
  const all = [...failures, ...upstream.failures]
  const reasons = all.length === 0 ? 'there is no endpoint to ask' : describeFailures(all)
  if (wrong !== undefined)
    return { status: 'damaged', code: wrong.error.code, message: `${name}: ${what} is damaged: ${describeFailures([wrong])}` }
  if (upstream.found !== undefined) {
    const place = locationOf(upstream.found.endpoint)
    const why = failures.length === 0 ? 'no mirror is configured for it' : describeFailures(failures)
    return { status: 'upstream-only', code: 'UPSTREAM_ONLY', message: `${name}: ${what} is only reachable upstream, at ${place}: ${why}` }
  }
  const failed = failures.find(({ error }) => error.code !== 'NOT_FOUND') ?? (failures.length === 0 ? upstream.failures[0] : undefined)
  if (failed !== undefined && failed.error.code !== 'NOT_FOUND') {
    const status = refusals.has(failed.error.code) ? 'refused' : 'unreachable'
    return { status, code: failed.error.code, message: `${name}: ${what} cannot be fetched: ${reasons}` }
  }
  return { status: isRoot ? 'missing' : 'incomplete', code: 'NOT_FOUND', message: `${name}: ${what} is missing: ${reasons}` }
}
