import type { Content } from '../async/content.ts'
import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { FoundManifest, ImageDestination, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { isDockerHub } from '../oci/registry-host.ts'
import { getBlob, headBlob } from './blobs.ts'
import { fetchCatalog } from './catalog.ts'
import { checkAccess } from './check-access.ts'
import { defaultEndpoint, type Endpoint } from './endpoint.ts'
import { findManifest, getManifest, headManifest, putManifest } from './manifests.ts'
import type { PullQuota } from './rate-limit.ts'
import { fetchReferrers } from './referrers.ts'
import { removeManifest, removeTag } from './remove-manifest.ts'
import { deleteTag, listTags } from './tags.ts'
import { RegistryTransport, type TransportOptions } from './transport.ts'
import { offerBlob } from './uploads.ts'

/** Images that are looked up before a refusal of `/v2/` counts for all. */
const mostWitnesses = 8

/** True for a failure that every request to the registry meets. */
function isOutOfReach(error: unknown): boolean {
  return isMirrorError(error) && (error.code === 'UNREACHABLE' || error.code === 'TLS')
}

/** A registry as a place that images are read from and written to: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export class Registry implements ImageSource, ImageDestination {
  readonly #transport: RegistryTransport
  #witnesses: Promise<void> | undefined

  constructor(options: TransportOptions) {
    this.#transport = new RegistryTransport(options)
  }

  /** The pull quota as the registry last stated it. */
  get rateLimit(): PullQuota | undefined {
    return this.#transport.rateLimit
  }

  /** Asks once, after a failure, whether the registry can be used at all: `/v2/`, then, where that is refused, about some of the images. Throws why not. */
  async checkAccess(images: readonly Reference[], options?: CallOptions): Promise<void> {
    const [first] = images
    if (first === undefined) return
    try {
      await checkAccess(this.#transport, first, options)
    } catch (error) {
      if (options?.signal?.aborted || isOutOfReach(error)) throw error
      this.#witnesses ??= this.#lookUpSome(images, options)
      await this.#witnesses
      if (!this.#transport.hasProvedAccess) throw error
    }
  }

  /** A proxy may block `/v2/` while one image is missing or private: the answers about others count. */
  async #lookUpSome(images: readonly Reference[], options?: CallOptions): Promise<void> {
    await Promise.allSettled(images.slice(0, mostWitnesses).map((image) => this.headManifest(image, options)))
  }

  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#transport.sided(() => headManifest(this.#transport, reference, options))
  }

  findManifest(reference: Reference, options?: CallOptions): Promise<FoundManifest | undefined> {
    return this.#transport.sided(() => findManifest(this.#transport, reference, options))
  }

  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest> {
    return this.#transport.sided(() => getManifest(this.#transport, reference, options))
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#transport.sided(() => getBlob(this.#transport, repository, descriptor, options))
  }

  headBlob(repository: Repository, descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    return this.#transport.sided(() => headBlob(this.#transport, repository, descriptor, options))
  }

  offerBlob(repository: Repository, descriptor: Descriptor, options?: OfferOptions): Promise<OfferedBlob> {
    return this.#transport.sided(() => offerBlob(this.#transport, repository, descriptor, options))
  }

  putManifest(reference: Reference, manifest: Manifest, options?: CallOptions): Promise<void> {
    return this.#transport.sided(() => putManifest(this.#transport, reference, manifest, options))
  }

  /** Every tag of a repository, in the registry's order; throws NOT_FOUND for an unknown one. */
  listTags(repository: Repository, options?: CallOptions): Promise<readonly string[]> {
    return this.#transport.sided(() => listTags(this.#transport, repository, options))
  }

  /** The path of every repository, where the registry lists them; `near` is a path whose credentials are right. */
  listRepositories(near: string, options?: CallOptions): Promise<readonly string[]> {
    return this.#transport.sided(() => fetchCatalog(this.#transport, near, options))
  }

  /** The digests of the manifests whose subject this is; throws NOT_FOUND where the registry does not list them. */
  listReferrers(repository: Repository, subject: Digest, options?: CallOptions): Promise<readonly Digest[]> {
    return this.#transport.sided(() => fetchReferrers(this.#transport, repository, subject, options))
  }

  /** Deletes a tag and leaves the manifest; false where the registry deletes only manifests. */
  removeTag(reference: Reference, options?: CallOptions): Promise<boolean> {
    return this.#transport.sided(() => removeTag(this.#transport, reference, options))
  }

  /** Deletes a manifest, in most registries with every tag that names it; throws UNSUPPORTED where the registry deletes none. */
  removeManifest(repository: Repository, digest: Digest, options?: CallOptions): Promise<void> {
    return this.#transport.sided(() => removeManifest(this.#transport, repository, digest, options))
  }

  /** Takes a tag away, where the registry deletes only manifests with one of our own; false where it deletes neither. */
  deleteTag(reference: Reference, options?: CallOptions): Promise<boolean> {
    return this.#transport.sided(() => deleteTag(this.#transport, reference, options))
  }
}

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

  /** Asks once whether the images can be read at all where all of them come from one registry. Throws why not. */
  async checkAccess(images: readonly Reference[], options?: CallOptions): Promise<void> {
    const [first] = images
    const origins = new Set(images.map(({ registry }) => this.endpoint(registry).origin.origin))
    if (first !== undefined && origins.size === 1) await this.#registry(first).checkAccess(images, options)
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
