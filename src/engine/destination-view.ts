import { isMirrorError, MirrorError, type ErrorCode } from '../errors.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { LookedUp } from './engine.ts'

/** The parts of a registry's API that are used in addition to the Engine. */
export interface DestinationRegistry
  extends Pick<ImageDestination, 'headManifest' | 'putManifest'>, Pick<ImageSource, 'getManifest' | 'getBlob'> {
  /** Takes a tag away; false where the registry does not do that. */
  deleteTag(reference: Reference, options?: CallOptions): Promise<boolean>
}

/** The ways to see the destination: its own API, and the Engine's look. */
export interface DestinationViewOptions {
  readonly registry: DestinationRegistry
  readonly lookUp: (reference: Reference, options: CallOptions) => Promise<LookedUp | undefined>
  readonly onWarning?: ((message: string) => void) | undefined
}

/** Failures to reach the registry from this machine: the Engine has its own proxies and trust store, and may reach it. */
const noWayIn: ReadonlySet<ErrorCode> = new Set([
  'UNREACHABLE',
  'TLS',
  'TIMEOUT',
  'CONNECTION_LOST',
  'REFUSED_ADDRESS',
  'UNAUTHORIZED',
  'DENIED',
])

/** The destination by registry HTTP; where this machine cannot reach it, by the Engine, after a warning. */
export class DestinationView {
  /** Its own API, for requests that an Engine does not support. */
  readonly registry: DestinationRegistry
  readonly #options: DestinationViewOptions
  #closed: MirrorError | undefined
  #cannotLook = false

  constructor(options: DestinationViewOptions) {
    this.registry = options.registry
    this.#options = options
  }

  /** Why this machine cannot reach the destination; undefined while it can. */
  get closed(): MirrorError | undefined {
    return this.#closed
  }

  /** Why a push cannot be verified: this machine cannot reach the destination, and the Engine cannot look up names. */
  get blind(): MirrorError | undefined {
    return this.#cannotLook ? this.#closed : undefined
  }

  /** The root descriptor of a name; undefined if the name does not exist. */
  async find(reference: Reference, options: CallOptions = {}): Promise<Descriptor | undefined> {
    const { registry, path, tag } = reference
    const named: Reference = tag === undefined ? reference : { registry, path, tag }
    const look = async (): Promise<Descriptor | undefined> => (await this.#look(named, options))?.root
    return this.#ask(() => this.registry.headManifest(named, options), options, look)
  }

  /** The manifest at a digest; undefined where there is no way in from here. */
  manifest(reference: Reference, digest: Digest, options: CallOptions = {}): Promise<Manifest | undefined> {
    return this.#ask(() => this.registry.getManifest(atDigest(reference, digest), options), options)
  }

  /** The platform that an image's configuration names; undefined where it names none, or where there is no way in from here. */
  async platform(repository: Repository, manifest: Manifest, options: CallOptions = {}): Promise<Platform | undefined> {
    const contents = contentsOf(manifest)
    if (contents.kind !== 'image') return undefined
    return await this.#ask(() => readPlatform(this.registry, repository, contents.config, options), options)
  }

  /** Throws PROTOCOL where the name does not stand for the digest that the Engine says it has pushed. */
  async prove(reference: Reference, digest: Digest, options: CallOptions = {}): Promise<void> {
    const found = await this.find(reference, options)
    // Some registries answer 401 for what may not be seen without logging in, which reads as absent.
    const other = found ?? (await this.#look(reference, options))?.root
    if (other?.digest === digest) return
    const what = other === undefined ? 'has no such tag' : `has ${other.digest} there`
    const subject = formatReference(reference)
    throw new MirrorError('PROTOCOL', `the Docker Engine reports that it pushed ${subject} as ${digest}, and the registry ${what}`, {
      side: 'destination',
      subject,
      hint: "check that no other job pushes this tag, and the daemon's proxy settings",
    })
  }

  /** An Engine that cannot look up names, or is refused, counts as "not found". */
  async #look(reference: Reference, options: CallOptions): Promise<LookedUp | undefined> {
    try {
      const found = await this.#options.lookUp(reference, options)
      this.#cannotLook = found === undefined
      return found
    } catch (error) {
      options.signal?.throwIfAborted()
      // A repository that is still to be made is often refused like one that may not be seen.
      if (isMirrorError(error) && ['NOT_FOUND', 'UNAUTHORIZED', 'DENIED'].includes(error.code)) return undefined
      throw this.#closed ?? error
    }
  }

  /** Asks the registry; where there is no way in from here, `otherwise` counts. */
  async #ask<T>(work: () => Promise<T>, { signal }: CallOptions, otherwise?: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#closed !== undefined) return otherwise?.()
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      if (!isMirrorError(error) || !noWayIn.has(error.code)) throw error
      if (this.#closed === undefined)
        this.#options.onWarning?.(
          `the destination is checked only through the Docker Engine, because this machine cannot reach it: ${error.message}`,
        )
      this.#closed ??= error
    }
    return otherwise?.()
  }
}
