import { retry } from '../async/retry.ts'
import { isMirrorError, MirrorError, type Side } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, formatRepository, type Reference } from '../oci/reference.ts'
import { DockerClient, EngineAnswer, type DockerClientOptions } from './docker-client.ts'
import { engineRefusal, ImageGone, saysGone } from './engine-error.ts'
import { endedEarly, followLoad, followPull, followPush, type OnLayer, type Pushed } from './follow-messages.ts'
import { parseHeldImages, type HeldImages } from './held-images.ts'
import { negotiate, type EngineFacts } from './negotiate.ts'
import type { RegistryAuth } from './registry-auth.ts'

/** An image in the Engine: its id, what it runs on where that is told, the digests of its unpacked layers, and bytes on disk. */
export interface EngineImage {
  readonly id: string
  readonly platform: Platform | undefined
  readonly layers: readonly string[]
  readonly size: number
  /** Manifests and indexes that it came by. */
  readonly digests: readonly Digest[]
}

/** What a registry has under a name, by the Engine's own look. */
export interface LookedUp {
  readonly root: Descriptor
  /** Of every image below the root, attestations left out. */
  readonly platforms: readonly Platform[]
}

/** Options of calls that speak with a registry. */
export interface EngineCall {
  readonly auth: RegistryAuth
  readonly signal?: AbortSignal | undefined
}

/** Options of a pull or a push. */
export interface EngineTransfer extends EngineCall {
  readonly platform?: Platform | undefined
  readonly onLayer?: OnLayer | undefined
}

type JsonObject = Readonly<Record<string, unknown>>

function fields(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {}
}

function parsePlatform(value: unknown): Platform | undefined {
  const lower = Object.fromEntries(Object.entries(fields(value)).map(([key, entry]) => [key.toLowerCase(), entry]))
  const { os, architecture, variant } = lower
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || os === 'unknown') return undefined
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) }
}

/** A pull names its platform by its parts, a push (since API 1.46) as JSON. */
function pathOf({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** A Docker Engine, in the verbs that carrying an image takes: https://docs.docker.com/reference/api/engine/ */
export class Engine implements Disposable {
  readonly facts: EngineFacts
  readonly #client: DockerClient

  private constructor(client: DockerClient, facts: EngineFacts) {
    this.#client = client
    this.facts = facts
  }

  /** Reaches the Engine and agrees with it on a version of the API. Throws ENGINE_UNAVAILABLE, and UNSUPPORTED for one that is too old or too new. */
  static async open(options: DockerClientOptions, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Engine> {
    const client = new DockerClient(options)
    try {
      return new Engine(client, await negotiate(client, options.address, { signal }))
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
  }

  /** Has the Engine ask the registry what a name stands for; undefined where it cannot tell. Throws NOT_FOUND, DENIED and what else the registry said. */
  async lookUp(reference: Reference, side: Side, { auth, signal }: EngineCall): Promise<LookedUp | undefined> {
    const name = formatReference(reference)
    try {
      const answer = fields(await this.#client.json({ method: 'GET', path: `/distribution/${name}/json`, auth, signal }))
      const { mediaType, digest, size } = fields(answer['Descriptor'])
      if (typeof digest !== 'string' || !isDigest(digest) || typeof mediaType !== 'string' || typeof size !== 'number') return undefined
      const platforms = Array.isArray(answer['Platforms']) ? answer['Platforms'] : []
      return { root: { mediaType, digest, size }, platforms: platforms.map(parsePlatform).filter((platform) => platform !== undefined) }
    } catch (error) {
      if (!(error instanceof EngineAnswer)) throw error
      // A server without this path, as Podman, or a proxy before the socket that lets only others through, says nothing of the image.
      if (/page not found|^\s*<|^not found$|^path \S+ is not supported$/i.test(error.message)) return undefined
      throw engineRefusal(error.message, `look up ${name}`, side)
    }
  }

  /** An image that the Engine has; undefined when it has none of that name. */
  async inspect(name: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<EngineImage | undefined> {
    try {
      const answer = fields(await this.#client.json({ method: 'GET', path: `/images/${name}/json`, ...options }))
      const { Id: id, Size: size, RepoDigests: names } = answer
      const layers = fields(answer['RootFS'])['Layers']
      return {
        id: typeof id === 'string' ? id : '',
        platform: parsePlatform(answer),
        layers: Array.isArray(layers) ? layers.filter((layer) => typeof layer === 'string') : [],
        size: typeof size === 'number' ? size : 0,
        digests: Array.isArray(names) ? names.map((one) => String(one).split('@')[1] ?? '').filter(isDigest) : [],
      }
    } catch (error) {
      if (error instanceof EngineAnswer && error.status === 404) return undefined
      throw this.#refused(error, `inspect ${name}`)
    }
  }

  /** Every image that the Engine holds, with its names. */
  async list({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<HeldImages> {
    try {
      const ask = async (): Promise<HeldImages> => {
        try {
          return parseHeldImages(await this.#client.json({ method: 'GET', path: '/images/json', query: { all: '1' }, signal }))
        } catch (error) {
          throw error instanceof EngineAnswer && saysGone(error.message) ? new ImageGone('an image of the list') : error
        }
      }
      // Podman cannot list its images while one of them is removed.
      return await retry(ask, { retries: 5, baseDelay: 50, signal, isTransient: (error) => error instanceof ImageGone })
    } catch (error) {
      throw this.#refused(error, 'list its images')
    }
  }

  /** Pulls an image and gives the digest that the registry's name stood for; of Podman all digests that the image came by. */
  async pull(reference: Reference, { auth, platform, onLayer, signal }: EngineTransfer): Promise<readonly Digest[]> {
    const name = formatReference(reference)
    const query = {
      fromImage: formatRepository(reference),
      tag: reference.digest ?? reference.tag ?? 'latest',
      ...(platform !== undefined && { platform: pathOf(platform) }),
    }
    try {
      const messages = this.#client.messages({ method: 'POST', path: '/images/create', query, auth, signal })
      const { digest, ids } = await followPull(messages, { name, onLayer })
      if (digest !== undefined) return [digest]
      // Podman ends with the short id of the image, which an older one of that name has not.
      const image = this.facts.store === 'podman' ? await this.inspect(name, { signal }) : undefined
      if (image === undefined || !ids.has(image.id.replace(/^sha256:/, '').slice(0, 12))) throw endedEarly(`the pull of ${name}`)
      return image.digests
    } catch (error) {
      throw this.#refused(error, `pull ${name}`, 'source')
    }
  }

  /** Gives an image another name. Throws ImageGone. */
  async tag(name: string, target: Reference, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const query = { repo: formatRepository(target), tag: target.tag ?? 'latest' }
    try {
      await this.#client.json({ method: 'POST', path: `/images/${name}/tag`, query, signal })
    } catch (error) {
      if (error instanceof EngineAnswer && error.status === 404) throw new ImageGone(name)
      throw this.#refused(error, `tag ${name}`)
    }
  }

  /** Pushes a tag. Throws ImageGone, DENIED, NO_SPACE and what else the registry said. */
  async push(reference: Reference, { auth, platform, onLayer, signal }: EngineTransfer): Promise<Pushed> {
    const name = formatReference(reference)
    const query = {
      tag: reference.tag ?? 'latest',
      ...(platform !== undefined && this.facts.canChoosePushed && { platform: JSON.stringify(platform) }),
    }
    try {
      const messages = this.#client.messages({ method: 'POST', path: `/images/${formatRepository(reference)}/push`, query, auth, signal })
      return await followPush(messages, { name, onLayer })
    } catch (error) {
      if (error instanceof EngineAnswer && error.status === 404) throw new ImageGone(name)
      throw this.#refused(error, `push ${name}`, 'destination')
    }
  }

  /** Loads what `docker save` would have written; whether the image is there is for `inspect` to tell. Throws NO_SPACE and what else the Engine said. */
  async load(
    name: string,
    body: () => AsyncIterable<Uint8Array>,
    { onLayer, signal }: Pick<EngineTransfer, 'onLayer' | 'signal'> = {},
  ): Promise<void> {
    try {
      await followLoad(this.#client.messages({ method: 'POST', path: '/images/load', query: { quiet: '0' }, body, signal }), {
        name,
        onLayer,
      })
    } catch (error) {
      throw this.#refused(error, `load ${name}`, 'destination')
    }
  }

  /** Takes a name, or an image without names, out of the Engine; content that nothing else needs goes with it. `in-use` when a container runs it. */
  async remove(name: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<'removed' | 'absent' | 'in-use'> {
    try {
      await this.#client.json({ method: 'DELETE', path: `/images/${name}`, signal })
      return 'removed'
    } catch (error) {
      if (error instanceof EngineAnswer && error.status === 404) return 'absent'
      if (error instanceof EngineAnswer && error.status === 409) return 'in-use'
      throw this.#refused(error, `remove ${name}`)
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }

  #refused(error: unknown, what: string, side: Side = 'source'): unknown {
    if (error instanceof EngineAnswer) return engineRefusal(error.message, what, side)
    if (!isMirrorError(error) || error instanceof ImageGone || error.side !== undefined) return error
    const { code, message, hint, cause } = error
    return new MirrorError(code, `cannot ${what}: ${message}`, { hint, cause })
  }
}
