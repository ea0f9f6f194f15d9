import type { IncomingMessage } from 'node:http'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import type { Digest } from '../oci/digest.ts'
import { isDigest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { OpenUploads } from './open-uploads.ts'
import { refusal, type Reply } from './reply.ts'

/** What every route works with. */
export interface RegistryState {
  readonly layout: LayoutReader
  /** The same layout, where the server may write. */
  readonly writable: Layout | undefined
  readonly uploads: OpenUploads
  /** The registry name under which pushed images are filed in the layout. */
  readonly registry: string
  /** Whether an index may be pushed without its children and an image without its layers. */
  readonly sparse: boolean
}

/** One request, its path taken apart and checked. */
export interface RegistryCall extends RegistryState {
  readonly request: IncomingMessage
  readonly method: string
  readonly query: URLSearchParams
  /** The repository as the layout knows it. */
  readonly repository: Repository
  /** The path's last part: a tag, a digest or an upload's id; empty where the route has none. */
  readonly last: string
}

/** A request on a server that may write. */
export interface WriteCall extends RegistryCall {
  readonly writable: Layout
}

/** A digest, or the refusal that answers anything else. */
export function digestOrRefusal(text: string | null): Digest | Reply {
  if (text !== null && isDigest(text)) return text
  return refusal(400, { code: 'DIGEST_INVALID', message: 'not a sha256 or sha512 digest', detail: { digest: (text ?? '').slice(0, 200) } })
}

/** The path of the repository in the API. */
export function repositoryUrl(call: RegistryCall): string {
  return `/v2/${call.repository.path}`
}

/**
 * The repository of the layout that a path means. A layout holds images of many registries and a path names none: the registry that a containerd
 * asks for (`?ns=docker.io`) decides, then what was pushed here; without `ns` any registry that has the path will do, in the order of their names.
 */
export function findRepository(layout: LayoutReader, path: string, ns: string | null, registry: string): Repository {
  const own = { registry, path }
  if (ns !== null && layout.hasRepository({ registry: ns, path })) return { registry: ns, path }
  if (ns !== null || layout.hasRepository(own)) return own
  const others = layout.repositories().filter((repository) => repository.path === path)
  return others.toSorted((a, b) => (a.registry < b.registry ? -1 : 1))[0] ?? own
}
