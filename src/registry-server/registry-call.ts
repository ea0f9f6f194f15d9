import type { IncomingMessage } from 'node:http'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { OpenUploads } from './open-uploads.ts'
import { Refusal } from './reply.ts'

/** The state that every route works with. */
export interface RegistryState {
  readonly layout: LayoutReader
  /** The same layout, if the server may write. */
  readonly writable: Layout | undefined
  readonly uploads: OpenUploads
  /** The registry name of pushed images in the layout. */
  readonly registry: string
  /** Whether an index may be pushed without its children and an image without its layers. */
  readonly sparse: boolean
}

/** One request, its path parsed and checked. */
export interface RegistryCall extends RegistryState {
  readonly request: IncomingMessage
  readonly method: string
  readonly query: URLSearchParams
  /** The repository in the layout. */
  readonly repository: Repository
  /** Its path in the API. */
  readonly repositoryUrl: string
  /** The last segment of the path: a tag, a digest or an upload id; empty for routes without one. */
  readonly last: string
}

/** A request on a server that may write. */
export interface WriteCall extends RegistryCall {
  readonly writable: Layout
}

/** Parses a digest; refuses anything else. */
export function requireDigest(text: string | null): Digest {
  if (text !== null && isDigest(text)) return text
  const detail = { digest: (text ?? '').slice(0, 200) }
  throw new Refusal(400, { code: 'DIGEST_INVALID', message: 'not a sha256 or sha512 digest', detail })
}

/** The refusal of a repository that the layout does not know. */
export function unknownRepository({ path }: Repository): Refusal {
  return new Refusal(404, { code: 'NAME_UNKNOWN', message: 'repository name not known to registry', detail: { name: path } })
}
