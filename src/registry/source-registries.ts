import type { Content } from '../async/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { isDockerHub } from '../oci/registry-host.ts'
import { defaultEndpoint, type Endpoint } from './endpoint.ts'
import type { PullQuota } from './rate-limit.ts'
import type { Registry } from './registry.ts'

/** Every registry that references name, each read from its endpoint, as one source. */
export class SourceRegistries implements ImageSource {
  readonly #endpoints: ReadonlyMap<string, Endpoint>
  readonly #open: (endpoint: Endpoint) => Registry
  readonly #registries = new Map<string, Registry>()

  /** `endpoints` by registry name, `*` for every other; a registry that is not in it is read from its own endpoint. */
  constructor(endpoints: ReadonlyMap<string, Endpoint>, open: (endpoint: Endpoint) => Registry) {
    this.#endpoints = endpoints
    this.#open = open
  }

  /** Where a registry's images are read from. */
  endpoint(registry: string): Endpoint {
    return this.#endpoints.get(registry) ?? this.#endpoints.get('*') ?? defaultEndpoint(registry)
  }

  /** True when the registry's images come from Docker Hub itself, which counts pulls. */
  isDockerHub({ registry }: Repository): boolean {
    return isDockerHub(this.endpoint(registry).origin.origin)
  }

  /** The pull quotas that registries have stated, by registry name. */
  rateLimits(): ReadonlyMap<string, PullQuota> {
    const stated = [...this.#registries].map(([name, { rateLimit }]) => [name, rateLimit] as const)
    return new Map(stated.filter((entry): entry is readonly [string, PullQuota] => entry[1] !== undefined))
  }

  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#registry(reference).headManifest(reference, options)
  }

  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest> {
    return this.#registry(reference).getManifest(reference, options)
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#registry(repository).getBlob(repository, descriptor, options)
  }

  listTags(repository: Repository, options?: CallOptions): Promise<readonly string[]> {
    return this.#registry(repository).listTags(repository, options)
  }

  #registry({ registry: name }: Repository): Registry {
    const registry = this.#registries.get(name) ?? this.#open(this.endpoint(name))
    this.#registries.set(name, registry)
    return registry
  }
}
