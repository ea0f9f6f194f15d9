import { parseReference } from '../../src/oci/reference.ts'
import type { CheckedEndpoint } from '../../src/verify/checked-endpoint.ts'
import { CheckedPlace, type CheckedPlaceOptions } from '../../src/verify/checked-place.ts'
import type { SoughtImage } from '../../src/verify/image-search.ts'
import { hasty, openRegistry, type OpenOptions } from '../registry/open-registry.ts'
import { memoryRegistry, type Intercept, type MemoryRegistry } from '../servers/memory-registry.ts'

/** A registry in memory, and an endpoint that looks at `a/b` in it. */
export interface CheckedRegistry extends AsyncDisposable {
  readonly server: MemoryRegistry
  readonly endpoint: CheckedEndpoint
}

/** How the endpoint is looked at. */
export interface CheckedRegistryOptions extends OpenOptions, CheckedPlaceOptions {
  readonly intercept?: Intercept
  readonly isUpstream?: boolean
}

/** Looks at `a/b` of a registry that is there already. */
export function checkedEndpoint(url: string, options: CheckedRegistryOptions = {}): CheckedEndpoint & AsyncDisposable {
  const { intercept: _intercept, isUpstream = false, isFragile, ...open } = options
  const registry = openRegistry(url, { retry: hasty, ...open })
  return {
    url: `${url}/v2`,
    repository: { registry: new URL(url).host, path: 'a/b' },
    isDefault: isUpstream,
    isUpstream,
    place: new CheckedPlace(registry, { retry: hasty, isFragile }),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

/** Starts a registry in memory and looks at it. */
export async function checkedRegistry(options: CheckedRegistryOptions = {}): Promise<CheckedRegistry> {
  const server = await memoryRegistry(options.intercept)
  const endpoint = checkedEndpoint(server.url, options)
  return {
    server,
    endpoint,
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** `docker.io/a/b:1` at the endpoints, in this order. */
export function targetAt(endpoints: readonly CheckedEndpoint[], more: Partial<SoughtImage> = {}): SoughtImage {
  const { tag = '' } = parseReference('docker.io/a/b:1')
  return { name: 'docker.io/a/b:1', root: { tag }, endpoints, expected: [], ...more }
}
