import { retry } from '../async/retry.ts'
import { cannot, isMirrorError, type Attempt, type Side } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatPlatform, isSamePlatform, type Platform } from '../oci/platform.ts'
import { formatReference, formatRepository, parseReference, type Reference } from '../oci/reference.ts'
import { DockerClient, EngineAnswer, type DockerClientOptions, type EngineRequest } from './docker-client.ts'
import { engineRefusal, ImageGone, saysGone } from './engine-error.ts'
import type { EngineLogin } from './engine-login.ts'
import { endedEarly, followLoad, followPull, followPush, type OnLayer, type Pushed } from './follow-messages.ts'
import { fields, negotiate, type EngineFacts } from './negotiate.ts'

/** An image in the Engine: its id, what it runs on where that is stated, the digests of its unpacked layers, and bytes on disk. */
export interface EngineImage {
  readonly id: string
  readonly platform: Platform | undefined
  readonly layers: readonly string[]
  readonly size: number
  /** Manifests and indexes that it came by. */
  readonly digests: readonly Digest[]
}

/** What an Engine held at one moment. */
export interface HeldImages {
  readonly ids: ReadonlySet<string>
  /** Image ids by full name, `docker.io/rancher/x:1` or `docker.io/rancher/x@sha256:…`. */
  readonly names: ReadonlyMap<string, string>
}

/** What a registry has under a name, by the Engine's own look. */
export interface LookedUp {
  readonly root: Descriptor
  /** Of every image below the root, attestations left out, each once: an index may have several of one that differ only in their version of Windows. */
  readonly platforms: readonly Platform[]
}

/** Options of a look-up, a pull or a push, which speak with a registry. */
export interface EngineTransfer extends CallOptions {
  readonly auth: EngineLogin
  readonly platform?: Platform | undefined
  readonly onLayer?: OnLayer | undefined
}

function parsePlatform(value: unknown): Platform | undefined {
  const { os, architecture, variant } = Object.fromEntries(Object.entries(fields(value)).map(([key, entry]) => [key.toLowerCase(), entry]))
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || os === 'unknown') return undefined
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) }
}

/** An Engine leaves out what Docker Hub's names begin with; undefined for `<none>:<none>`. */
function fullName(name: unknown): string | undefined {
  if (typeof name !== 'string' || name.includes('<none>')) return undefined
  try {
    return formatReference(parseReference(name))
  } catch {
    return undefined
  }
}

/** Reads the answer to `GET /images/json`; malformed entries are left out. */
export function parseHeldImages(answer: unknown): HeldImages {
  const ids = new Set<string>()
  const names = new Map<string, string>()
  for (const { Id: id, RepoTags: tags, RepoDigests: digests } of list(answer) as Readonly<Record<string, unknown>>[]) {
    if (typeof id !== 'string') continue
    ids.add(id)
    for (const name of [...list(tags), ...list(digests)]) {
      const full = fullName(name)
      if (full !== undefined) names.set(full, id)
    }
  }
  return { ids, names }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
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
  static async open(options: DockerClientOptions, { signal }: CallOptions = {}): Promise<Engine> {
    const client = new DockerClient(options)
    try {
      return new Engine(client, await negotiate(client, options.address, { signal }))
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
  }

  /** Has the Engine look up a name at the registry; undefined where the Engine cannot. Throws NOT_FOUND, DENIED and other errors of the registry. */
  async lookUp(reference: Reference, side: Side, { auth, signal }: EngineTransfer): Promise<LookedUp | undefined> {
    const name = formatReference(reference)
    try {
      const answer = fields(await this.#client.json({ method: 'GET', path: `/distribution/${name}/json`, auth, signal }))
      const { mediaType, digest, size } = fields(answer['Descriptor'])
      if (typeof digest !== 'string' || !isDigest(digest) || typeof mediaType !== 'string' || typeof size !== 'number') return undefined
      const platforms: Platform[] = []
      for (const platform of list(answer['Platforms']).map(parsePlatform))
        if (platform !== undefined && !platforms.some((one) => isSamePlatform(one, platform))) platforms.push(platform)
      return { root: { mediaType, digest, size }, platforms }
    } catch (error) {
      if (!(error instanceof EngineAnswer)) throw error
      // A server without this path, as Podman, or a proxy before the socket that lets only others through, says nothing of the image.
      if (/page not found|^\s*<|^not found$|^path \S+ is not supported$/i.test(error.message)) return undefined
      throw engineRefusal(error.message, ['look up', name], side)
    }
  }

  /** An image of the Engine; undefined if it has no image of that name. */
  inspect(name: string, { signal }: CallOptions = {}): Promise<EngineImage | undefined> {
    const read = async (): Promise<EngineImage> => {
      const answer = fields(await this.#client.json({ method: 'GET', path: `/images/${name}/json`, signal }))
      const { Id: id, Size: size, RepoDigests: names } = answer
      return {
        id: typeof id === 'string' ? id : '',
        platform: parsePlatform(answer),
        layers: list(fields(answer['RootFS'])['Layers']).filter((layer) => typeof layer === 'string'),
        size: typeof size === 'number' ? size : 0,
        digests: list(names)
          .map((one) => String(one).split('@')[1] ?? '')
          .filter(isDigest),
      }
    }
    return this.#run<EngineImage | undefined>(['inspect', name], read, { 404: () => undefined })
  }

  /** Every image that the Engine holds, with its names. */
  list({ signal }: CallOptions = {}): Promise<HeldImages> {
    const ask = async (): Promise<HeldImages> => {
      try {
        return parseHeldImages(await this.#client.json({ method: 'GET', path: '/images/json', query: { all: '1' }, signal }))
      } catch (error) {
        throw error instanceof EngineAnswer && saysGone(error.message) ? new ImageGone('an image of the list') : error
      }
    }
    // Podman cannot list its images while one of them is removed.
    const isTransient = (error: unknown): boolean => error instanceof ImageGone
    return this.#run(['list', 'its images'], () => retry(ask, { retries: 5, baseDelay: 50, signal, isTransient }))
  }

  /** Pulls an image and gives the digest that the registry's name stood for; of Podman all digests that the image came by. */
  pull(reference: Reference, { auth, platform, onLayer, signal }: EngineTransfer): Promise<readonly Digest[]> {
    const name = formatReference(reference)
    const query = {
      fromImage: formatRepository(reference),
      tag: reference.digest ?? reference.tag ?? 'latest',
      ...(platform !== undefined && { platform: formatPlatform(platform) }),
    }
    return this.#run(['pull', name], async () => {
      const messages = this.#client.messages({ method: 'POST', path: '/images/create', query, auth, signal })
      const { digest, ids } = await followPull(messages, name, onLayer)
      if (digest !== undefined) return [digest]
      // Podman ends with the short id of the image, which an older one of that name has not.
      const image = this.facts.store === 'podman' ? await this.inspect(name, { signal }) : undefined
      if (image === undefined || !ids.has(image.id.replace(/^sha256:/, '').slice(0, 12))) throw endedEarly(`the pull of ${name}`)
      return image.digests
    })
  }

  /** Gives an image another name. Throws ImageGone. */
  async tag(name: string, target: Reference, { signal }: CallOptions = {}): Promise<void> {
    const query = { repo: formatRepository(target), tag: target.tag ?? 'latest' }
    const request: EngineRequest = { method: 'POST', path: `/images/${name}/tag`, query, signal }
    await this.#run(['tag', name], () => this.#client.json(request), { 404: () => gone(name) })
  }

  /** Pushes a tag. Throws ImageGone, DENIED, NO_SPACE and what else the registry said. */
  push(reference: Reference, { auth, platform, onLayer, signal }: EngineTransfer): Promise<Pushed> {
    const name = formatReference(reference)
    const query = {
      tag: reference.tag ?? 'latest',
      // Since API 1.46, as JSON.
      ...(platform !== undefined && this.facts.canChoosePushed && { platform: JSON.stringify(platform) }),
    }
    const request: EngineRequest = { method: 'POST', path: `/images/${formatRepository(reference)}/push`, query, auth, signal }
    const push = (): Promise<Pushed> => followPush(this.#client.messages(request), name, onLayer)
    return this.#run(['push', name], push, { 404: () => gone(name) }, 'destination')
  }

  /** Loads what `docker save` would have written; whether the image is there is for `inspect` to see. Throws NO_SPACE and what else the Engine said. */
  load(
    name: string,
    body: () => AsyncIterable<Uint8Array>,
    { onLayer, signal }: Pick<EngineTransfer, 'onLayer' | 'signal'> = {},
  ): Promise<void> {
    const request: EngineRequest = { method: 'POST', path: '/images/load', query: { quiet: '0' }, body, signal }
    return this.#run(['load', name], () => followLoad(this.#client.messages(request), name, onLayer), {}, 'destination')
  }

  /** Takes a name, or an image without names, out of the Engine; content that nothing else needs goes with it. `in-use` when a container runs it. */
  remove(name: string, { signal }: CallOptions = {}): Promise<'removed' | 'absent' | 'in-use'> {
    const remove = async (): Promise<'removed'> => {
      await this.#client.json({ method: 'DELETE', path: `/images/${name}`, signal })
      return 'removed'
    }
    return this.#run<'removed' | 'absent' | 'in-use'>(['remove', name], remove, { 404: () => 'absent', 409: () => 'in-use' })
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }

  /** Runs what the Engine may refuse; `meanings` are the statuses that are answers. */
  async #run<T>(
    what: Attempt,
    work: () => Promise<T>,
    meanings: Readonly<Record<number, () => T>> = {},
    side: Side = 'source',
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof EngineAnswer) {
        const meaning = meanings[error.status]
        if (meaning !== undefined) return meaning()
        throw engineRefusal(error.message, what, side)
      }
      if (!isMirrorError(error) || error instanceof ImageGone || error.side !== undefined) throw error
      const { code, message, hint, cause } = error
      throw cannot(code, what, message, { hint, cause })
    }
  }
}

function gone(name: string): never {
  throw new ImageGone(name)
}
