import type { Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { defaultHost } from '../hosts/normalise-endpoint.ts'
import type { RegistryConfig } from '../registries.ts'

/** An image and its name at the destination. */
export interface MirroredImage {
  readonly source: Reference
  readonly destination: Reference
}

/** What nodes are to find, and where. */
export interface GenerateOptions {
  /** The prefix may end with a slash; images carry it in their names already. */
  readonly endpoint: { readonly origin: URL; readonly prefix: string }
  readonly images: readonly MirroredImage[]
  /** Where a node's files for TLS lie, and the account that it pulls with. */
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly username?: string | undefined
  /** What another registries.yaml says of the destination's TLS and credentials. */
  readonly known?: RegistryConfig | undefined
  /** What the destination is known to ask of nodes; default: unknown, so that comments show where it would go. */
  readonly demands?: { readonly clientCertificate: boolean; readonly login: boolean } | undefined
  /** Write known credentials; by default a comment stands in for them. */
  readonly secrets?: boolean | undefined
  /** One mirror for every registry, those of other images too. */
  readonly wildcard?: boolean | undefined
  /** Only the last part of each path was kept. */
  readonly flatten?: boolean | undefined
  /** What the images are of, as in `v1.37.1+k3s1`. */
  readonly selection?: string | undefined
  /** The versions of K3s that read the file; default: the newest. */
  readonly versions?: readonly K3sVersion[] | undefined
  /** Version of the program. */
  readonly version?: string | undefined
}

/** The destination as a registries.yaml names it. */
export interface NodeEndpoint {
  /** Scheme, host and port, where that is not the scheme's own. */
  readonly url: string
  /** The key of `configs`. */
  readonly key: string
  readonly isSecure: boolean
}

/** Writes an origin as an endpoint that every version of K3s understands alike: Docker Hub as the host that answers for it. */
export function nodeEndpoint({ protocol, host }: URL): NodeEndpoint {
  const key = defaultHost(host)
  return { url: `${protocol}//${key}`, key, isSecure: protocol === 'https:' }
}
