import type { CallOptions } from '../oci/image-source.ts'
import { formatReference, formatRepository, parseReference, type Reference } from '../oci/reference.ts'
import type { Engine, HeldImages } from './engine.ts'

/** Milliseconds for putting things back, in an aborted run too. */
const patience = 3000

/** Names in the Engine that a run uses temporarily: afterwards the earlier image of a name is restored, and a new name is removed. */
export class BorrowedNames {
  readonly #engine: Engine
  readonly #before: HeldImages
  readonly #taken = new Set<string>()
  readonly #images = new Set<string>()

  /** `before` is what the Engine holds now. */
  constructor(engine: Engine, before: HeldImages) {
    this.#engine = engine
    this.#before = before
  }

  /** Notes a name that is about to be made. */
  take(reference: Reference): void {
    this.#taken.add(formatReference(reference))
  }

  /** Notes an image that came under such a name. */
  noteImage(id: string): void {
    this.#images.add(id)
  }

  /** Puts everything back; gives the names that stay, because their image would go with them or a container uses it. */
  async giveBack(): Promise<readonly string[]> {
    const options = { signal: AbortSignal.timeout(patience) }
    const stay: string[] = []
    // The last one taken goes first: the target before the source.
    for (const name of [...this.#taken].toReversed()) {
      const id = this.#before.names.get(name)
      if (isDigestName(name)) {
        if (id === undefined && this.#mayRemoveDigest()) await this.#engine.remove(name, options)
      } else if (id !== undefined) {
        if ((await this.#engine.inspect(name, options))?.id !== id) await this.#engine.tag(id, parseReference(name), options)
      } else if (this.#wouldTakeAlong(name) || (await this.#engine.remove(name, options)) === 'in-use') stay.push(name)
    }
    for (const id of this.#images) if (!this.#before.ids.has(id)) await this.#removeNameless(id, options)
    return stay
  }

  /** Elsewhere a digest would remove the tags of its image; in a classic store an image that was there without any name would go with its last one. */
  #mayRemoveDigest(): boolean {
    return this.#engine.facts.store === 'classic' && !this.#foundNames().some((names) => names.length === 0)
  }

  /** With its last tag of a repository an image loses its digests of that repository too, and with its last name it goes. */
  #wouldTakeAlong(name: string): boolean {
    const repository = repositoryOf(name)
    return this.#foundNames().some((names) => {
      const own = names.filter((one) => repositoryOf(one) === repository)
      return names.length === 0 || (own.length > 0 && own.every(isDigestName))
    })
  }

  /** The names that images of this run had before, of those that were there. */
  #foundNames(): readonly (readonly string[])[] {
    const { ids, names } = this.#before
    return [...this.#images].filter((id) => ids.has(id)).map((id) => [...names].filter(([, held]) => held === id).map(([name]) => name))
  }

  /** By its id an image goes only when nothing names it. */
  async #removeNameless(id: string, options: CallOptions): Promise<void> {
    const { names } = await this.#engine.list(options)
    // Podman's digests are not names, and stay as long as the image.
    const isName = (name: string): boolean => this.#engine.facts.store !== 'podman' || !isDigestName(name)
    if (![...names].some(([name, held]) => held === id && isName(name))) await this.#engine.remove(id, options)
  }
}

function isDigestName(name: string): boolean {
  return name.includes('@')
}

function repositoryOf(name: string): string {
  return formatRepository(parseReference(name))
}
