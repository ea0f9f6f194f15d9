import type { MirrorError } from '../errors.ts'
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
