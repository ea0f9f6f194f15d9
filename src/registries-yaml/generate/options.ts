import type { Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { defaultHost } from '../hosts/normalise-endpoint.ts'
import type { RegistryConfig } from '../registries.ts'

/** An image and its name at the destination. */
export interface MirroredImage {
  readonly source: Reference
  readonly destination: Reference
}

/** The images that nodes pull, and the registry that they pull them from. */
export interface GenerateOptions {
  /** The prefix may end with a slash; the names of the images contain it already. */
  readonly endpoint: { readonly origin: URL; readonly prefix: string }
  readonly images: readonly MirroredImage[]
  /** Other names under which nodes pull some of the images. */
  readonly pulledAs?: readonly MirroredImage[] | undefined
  /** Absolute paths of TLS files on the nodes. */
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The account that nodes pull with. Without a known password a placeholder is written, which lint reports. */
  readonly username?: string | undefined
  /** The password of `username`, written as it is. */
  readonly password?: string | undefined
  /** TLS and credentials for the destination from another registries.yaml. */
  readonly known?: RegistryConfig | undefined
  /** What the destination requires of nodes; default: unknown, so that comments show every setting. */
  readonly demands?: { readonly clientCertificate: boolean; readonly login: boolean } | undefined
  /** Write the credentials of `known`; default: a comment takes their place. */
  readonly secrets?: boolean | undefined
  /** One mirror `*` for every registry, including registries of other images. */
  readonly wildcard?: boolean | undefined
  /** The destination keeps only the last part of each path. */
  readonly flatten?: boolean | undefined
  /** A name for the images, as in `v1.37.1+k3s1`. */
  readonly selection?: string | undefined
  /** The versions of K3s that read the file; default: the newest. */
  readonly versions?: readonly K3sVersion[] | undefined
  /** Version of the program. */
  readonly version?: string | undefined
}

/** The destination in the syntax of a registries.yaml. */
export interface NodeEndpoint {
  /** Scheme, host and port; the scheme's default port is left out. */
  readonly url: string
  /** The key of `configs`. */
  readonly key: string
  readonly isSecure: boolean
}

/** Writes an origin as an endpoint that every version of K3s reads the same way; Docker Hub becomes `registry-1.docker.io`. */
export function nodeEndpoint({ protocol, host }: URL): NodeEndpoint {
  const key = defaultHost(host)
  return { url: `${protocol}//${key}`, key, isSecure: protocol === 'https:' }
}
