import type { CallOptions } from '../oci/image-source.ts'
import { isRepositoryPath } from '../oci/reference.ts'
import { listPages, pageSize } from './pages.ts'
import type { RegistryTransport } from './transport.ts'

/** The path of every repository of the registry; many registries refuse it. `near` is a path whose credentials are right. Throws as `listPages`. */
export function fetchCatalog(transport: RegistryTransport, near: string, { signal }: CallOptions = {}): Promise<readonly string[]> {
  const { origin, apiPath = '/v2' } = transport.endpoint
  return listPages(transport, {
    url: new URL(`${apiPath}/_catalog?n=${pageSize}`, origin),
    entries: 'repositories',
    name: origin.host,
    field: 'repositories',
    read: (path) => (typeof path === 'string' && isRepositoryPath(path) ? path : undefined),
    repository: near,
    isUnscoped: true,
    signal,
  })
}
