import type { Reference } from '../oci/reference.ts'
import { formatReference } from '../oci/reference.ts'
import type { Engine } from './engine.ts'
import type { HeldImages } from './held-images.ts'

/** Milliseconds for putting things back, in an aborted run too. */
const patience = 3000

/**
 * Names in the Engine that a run takes for a while. What was there before is there again afterwards: a tag goes back to the image it named,
 * a new name goes, and so does an image that came with it and has no other name.
 */
export class BorrowedNames {
  readonly #engine: Engine
  readonly #before: HeldImages
  readonly #taken = new Set<string>()
  readonly #images = new Set<string>()

  private constructor(engine: Engine, before: HeldImages) {
    this.#engine = engine
    this.#before = before
  }

  /** Notes what the Engine holds now. */
  static async from(engine: Engine, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<BorrowedNames> {
    return new BorrowedNames(engine, await engine.list(options))
  }

  /** Notes a name that is about to be made. */
  take(reference: Reference): void {
    this.#taken.add(formatReference(reference))
  }

  /** Notes an image that came under such a name. */
  came(id: string): void {
    this.#images.add(id)
  }

  /** Puts everything back; gives the names that stay because a container uses their image. */
  async giveBack(): Promise<readonly string[]> {
    const options = { signal: AbortSignal.timeout(patience) }
    const stay: string[] = []
    const [source] = this.#taken
    const kept = this.#hasFoundNameless() ? source : undefined
    // The last one taken goes first: the target before the source.
    for (const name of [...this.#taken].toReversed()) {
      if (name === kept) continue
      const id = this.#before.names.get(name)
      if (id === undefined) {
        if ((await this.#engine.remove(name, options)) === 'in-use') stay.push(name)
      } else if (!name.includes('@') && (await this.#engine.inspect(name, options))?.id !== id) {
        await this.#engine.tag(id, taggedName(name), options)
      }
    }
    for (const id of this.#images) if (!this.#before.ids.has(id)) await this.#removeNameless(id, options)
    return stay
  }

  /** An image that was there without any name would go with its last one, so that it keeps the one it was pulled by. */
  #hasFoundNameless(): boolean {
    const named = new Set(this.#before.names.values())
    return [...this.#images].some((id) => this.#before.ids.has(id) && !named.has(id))
  }

  /** By its id alone an image goes only when nothing names it. */
  async #removeNameless(id: string, options: { readonly signal: AbortSignal }): Promise<void> {
    const { names } = await this.#engine.list(options)
    if (![...names.values()].includes(id)) await this.#engine.remove(id, options)
  }
}

function taggedName(name: string): Reference {
  const slash = name.indexOf('/')
  const colon = name.lastIndexOf(':')
  return { registry: name.slice(0, slash), path: name.slice(slash + 1, colon), tag: name.slice(colon + 1) }
}
