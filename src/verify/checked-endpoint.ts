import { isMirrorError, type ErrorCode, type MirrorError } from '../errors.ts'
import type { Repository } from '../oci/reference.ts'
import type { DescribedEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'
import type { CheckedPlace } from './checked-place.ts'

/** One place that an image may come from. */
export interface CheckedEndpoint {
  /** `https://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  /** What the image's repository is called there. */
  readonly repository: Repository
  /** What a node asks where no mirror has the image. */
  readonly isDefault: boolean
  /** The image's own registry, which a mirror is to stand in for. */
  readonly isUpstream: boolean
  /** There are rewrites for it, and none of them changes the repository. */
  readonly missesRewrites?: boolean | undefined
  /** Present where a node asks. */
  readonly askedAs?: DescribedEndpoint | undefined
  readonly place: CheckedPlace
}

/** Why one endpoint could not give what it was asked for. */
export interface Failure {
  readonly endpoint: CheckedEndpoint
  readonly error: MirrorError
}

/** What came of asking endpoints in their order. */
export interface Search<T> {
  /** Undefined where none had it. */
  readonly found: { readonly value: T; readonly endpoint: CheckedEndpoint } | undefined
  /** Of the endpoints that were asked before. */
  readonly failures: readonly Failure[]
}

/** An endpoint answered, and wrongly: a pull ends there, and no other endpoint is asked. */
const final: ReadonlySet<ErrorCode> = new Set(['INTEGRITY', 'INVALID_MANIFEST', 'UNSUPPORTED'])

/** True for an answer that is wrong, rather than no answer. */
export function isWrong({ error }: Failure): boolean {
  return final.has(error.code)
}

/** Asks one endpoint; what is no MirrorError, or comes of the signal, is thrown. */
export async function askEndpoint<T>(
  endpoint: CheckedEndpoint,
  ask: (endpoint: CheckedEndpoint) => Promise<T>,
  signal?: AbortSignal,
): Promise<{ readonly value: T; readonly endpoint: CheckedEndpoint } | Failure> {
  try {
    return { endpoint, value: await ask(endpoint) }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isMirrorError(error)) throw error
    return { endpoint, error }
  }
}

/** Asks the endpoints one after another, as containerd does: the first that has it serves it. */
export async function askInOrder<T>(
  endpoints: readonly CheckedEndpoint[],
  ask: (endpoint: CheckedEndpoint) => Promise<T>,
  signal?: AbortSignal,
): Promise<Search<T>> {
  const failures: Failure[] = []
  for (const endpoint of endpoints) {
    const answer = await askEndpoint(endpoint, ask, signal)
    if ('value' in answer) return { found: answer, failures }
    failures.push(answer)
    if (isWrong(answer)) break
  }
  return { found: undefined, failures }
}

/** What and where an endpoint was asked: `https://host:5000/v2/mirror/x`. */
export function locationOf({ url, repository }: Pick<CheckedEndpoint, 'url' | 'repository'>): string {
  return url.startsWith('oci:') ? url : `${url}/${repository.path}`
}

/**
 * Why `url` failed, in a few words that name no image, and no host but another: `not found`, `its certificate has expired`,
 * `127.0.0.1:5000 answered 503`.
 */
export function reasonOf(error: MirrorError, url: string): string {
  if (error.code === 'NOT_FOUND') return 'not found'
  const { message, origin, reason = message } = error
  // A token server, or the storage that a registry redirects to, has to be named.
  const isOther = origin !== undefined && URL.canParse(url) && new URL(url).host !== new URL(origin).host
  return isOther ? message : reason
}

/** Why an endpoint failed; where an image is not found, also that no rewrite renamed it. */
export function reasonOfFailure({ endpoint, error }: Failure): string {
  const reason = reasonOf(error, endpoint.url)
  return error.code === 'NOT_FOUND' && endpoint.missesRewrites === true ? `${reason}, under a name that no rewrite changes` : reason
}
