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

/** What of a registry's own API is used beside the Engine. */
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

/** Failures that say nothing of what is there: the Engine, with its own proxies and trust, may get through. */
const noWayIn: ReadonlySet<ErrorCode> = new Set([
  'UNREACHABLE',
  'TLS',
  'TIMEOUT',
  'CONNECTION_LOST',
  'REFUSED_ADDRESS',
  'UNAUTHORIZED',
  'DENIED',
])

/** The destination by registry HTTP, and where there is no way in from here, by the Engine's own look, after a warning. */
export class DestinationView {
  /** Its own API, for what no Engine does. */
  readonly registry: DestinationRegistry
  readonly #options: DestinationViewOptions
  #closed: MirrorError | undefined
  #cannotLook = false

  constructor(options: DestinationViewOptions) {
    this.registry = options.registry
    this.#options = options
  }

  /** Why there is no way in from here; undefined while none was refused. */
  get closed(): MirrorError | undefined {
    return this.#closed
  }

  /** Why a push could not be proved: there is no way in from here, and the Engine cannot look. */
  get blind(): MirrorError | undefined {
    return this.#cannotLook ? this.#closed : undefined
  }

  /** What a name stands for; undefined when there is none. */
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
    throw new MirrorError('PROTOCOL', `the Docker Engine says that it pushed ${subject} as ${digest}, and the registry ${what}`, {
      side: 'destination',
      subject,
      hint: 'Something else may be writing this tag, or a proxy before the daemon leads elsewhere.',
    })
  }

  /** An Engine that cannot tell, or is refused, has seen nothing. */
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
        this.#options.onWarning?.(`the destination is seen through the Docker Engine alone, because from here: ${error.message}`)
      this.#closed ??= error
    }
    return otherwise?.()
  }
}
