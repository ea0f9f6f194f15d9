import { createHash } from 'node:crypto'

/** A platform as Docker writes it. */
export interface EnginePlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** What an image is when it comes from a registry. */
export interface PulledEngineImage extends EnginePlatform {
  /** Digest of the manifest or index that the reference leads to. */
  readonly digest: string
  /** Digest of the configuration. */
  readonly id: string
  readonly size: number
  /** Digests of the unpacked layers. */
  readonly layers: readonly string[]
}

/** An image of the Engine, as `GET /images/{name}/json` gives it. */
export interface EngineImage {
  readonly Id: string
  readonly Os: string
  readonly Architecture: string
  readonly Variant?: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Size: number
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] }
}

/** An answer other than success, in Docker's words. */
export class EngineRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Entry {
  readonly image: PulledEngineImage
  readonly tags: Set<string>
  readonly digests: Set<string>
}

/** The images that an Engine has, and the names that lead to them: https://docs.docker.com/reference/api/engine/version/v1.41/ */
export class EngineImages {
  readonly #entries = new Map<string, Entry>()

  list(): readonly EngineImage[] {
    return [...this.#entries.values()].map(describe)
  }

  get(name: string): EngineImage | undefined {
    const entry = this.#find(name)
    return entry && describe(entry)
  }

  /** Takes a pulled image in and gives its name to it; a tag that led to another image leaves that one. True when nothing has changed. */
  pull(name: string, image: PulledEngineImage): boolean {
    const known = this.#find(name)?.image.id === image.id
    const entry = this.#entries.get(image.id) ?? { image, tags: new Set(), digests: new Set() }
    this.#entries.set(image.id, entry)
    if (!name.includes('@')) this.#move(name, entry)
    entry.digests.add(`${repositoryOf(name)}@${image.digest}`)
    return known
  }

  tag(name: string, target: string): void {
    const entry = this.#find(name)
    if (entry === undefined) throw new EngineRefusal(404, `No such image: ${name}`)
    this.#move(target, entry)
  }

  /** A push makes the digest at the destination a name of the image. */
  pushed(name: string, digest: string): void {
    this.#find(name)?.digests.add(`${repositoryOf(name)}@${digest}`)
  }

  /** Takes a name away, and the image with its last one; `container` is the one that uses it. */
  remove(name: string, container?: string): readonly object[] {
    const entry = this.#find(name)
    if (entry === undefined) throw new EngineRefusal(404, `No such image: ${name}`)
    const { image, tags, digests } = entry
    const names = [...tags, ...digests]
    const [short, own] = [image.id.slice(7, 19), names.includes(familiarName(name))]
    if (!own && new Set(names.map(repositoryOf)).size > 1) {
      throw new EngineRefusal(409, `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`)
    }
    const going = own ? goingWith(familiarName(name), entry) : names
    if (container !== undefined && going.length === names.length) {
      const [user, reference] = [container.slice(0, 12), `"${familiarName(name)}" (must force)`]
      const words = own
        ? `remove repository reference ${reference} - container ${user} is using its referenced image ${short}`
        : `delete ${short} (cannot be forced) - image is being used by running container ${user}`
      throw new EngineRefusal(409, `conflict: unable to ${words}`)
    }
    for (const one of going) if (!tags.delete(one)) digests.delete(one)
    const untagged = going.map((one) => ({ Untagged: one }))
    if (tags.size + digests.size > 0) return untagged
    this.#entries.delete(image.id)
    return [...untagged, { Deleted: image.id }, ...image.layers.toReversed().map((layer) => ({ Deleted: layer }))]
  }

  #find(name: string): Entry | undefined {
    const familiar = familiarName(name)
    const entries = [...this.#entries.values()]
    const id = /^(?:sha256:)?([0-9a-f]{12,64})$/.exec(name)?.[1]
    return (
      entries.find(({ tags, digests }) => tags.has(familiar) || digests.has(familiar)) ??
      entries.find(({ image }) => id !== undefined && image.id.startsWith(`sha256:${id}`))
    )
  }

  #move(name: string, entry: Entry): void {
    const familiar = familiarName(name)
    for (const { tags } of this.#entries.values()) tags.delete(familiar)
    entry.tags.add(familiar)
  }
}

/** With the last tag of a repository its digests go too. */
function goingWith(name: string, { tags, digests }: Entry): readonly string[] {
  const repository = repositoryOf(name)
  const others = [...tags].filter((tag) => tag !== name && repositoryOf(tag) === repository)
  if (!tags.has(name) || others.length > 0) return [name]
  return [name, ...[...digests].filter((digest) => repositoryOf(digest) === repository)]
}

function describe({ image, tags, digests }: Entry): EngineImage {
  return {
    Id: image.id,
    Os: image.os,
    Architecture: image.architecture,
    ...(image.variant !== undefined && { Variant: image.variant }),
    RepoTags: [...tags].toSorted(),
    RepoDigests: [...digests].toSorted(),
    Size: image.size,
    RootFS: { Type: 'layers', Layers: image.layers },
  }
}

/** The name as Docker shows it: without docker.io and library, with a tag or a digest. */
export function familiarName(name: string): string {
  const short = name.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\/(?=[^/]+$)/, '')
  if (short.includes('@')) return `${repositoryOf(short)}@${short.slice(short.indexOf('@') + 1)}`
  return /:[^/]+$/.test(short) ? short : `${short}:latest`
}

/** A name without tag and digest, as Docker shows it. */
export function repositoryOf(name: string): string {
  const short = name.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\/(?=[^/]+$)/, '')
  return short.replace(/@.*$/, '').replace(/:[^/:]+$/, '')
}

/** A digest that is made up: the same words give the same one. */
export function madeUpDigest(...words: readonly string[]): string {
  return `sha256:${createHash('sha256').update(words.join('\n')).digest('hex')}`
}
