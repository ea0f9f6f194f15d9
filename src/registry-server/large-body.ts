import type { IncomingMessage } from 'node:http'

/** Bytes from which on a body is large. */
export const largeBytes: number = 256 * 1024

/** Large bodies that are received at once, and how many of them from one address. */
const most = { inAll: 8, fromOne: 4 }

/** Milliseconds in which a large body has to be there, and without any of it after which its client is not waited for. */
const patience = { whole: 60_000, silent: 5000 }

/** Places for large bodies; no address can take all of them. */
class Places {
  readonly #held = new Map<string, number>()
  readonly #waiting: { readonly address: string; readonly grant: (release: () => void) => void }[] = []
  #count = 0

  /** Waits for a place; what it resolves with gives the place back. */
  take(address: string): Promise<() => void> {
    return new Promise((grant) => {
      this.#waiting.push({ address, grant })
      this.#grantNext()
    })
  }

  #grantNext(): void {
    if (this.#count >= most.inAll) return
    const at = this.#waiting.findIndex(({ address }) => (this.#held.get(address) ?? 0) < most.fromOne)
    const [next] = at === -1 ? [] : this.#waiting.splice(at, 1)
    if (next === undefined) return
    this.#change(next.address, 1)
    next.grant(() => {
      this.#change(next.address, -1)
      this.#grantNext()
    })
  }

  #change(address: string, more: 1 | -1): void {
    this.#count += more
    const held = (this.#held.get(address) ?? 0) + more
    if (held > 0) this.#held.set(address, held)
    else this.#held.delete(address)
  }
}

const places = new Places()

/** The body of one request, which needs a place for itself once it turns out to be large; a client that stalls then loses its connection. */
export class LargeBody implements Disposable {
  readonly #request: IncomingMessage
  readonly #timers: NodeJS.Timeout[] = []
  #isAsked = false
  #release: (() => void) | undefined

  constructor(request: IncomingMessage) {
    this.#request = request
  }

  /** True for a body that has a place. */
  get isLarge(): boolean {
    return this.#release !== undefined
  }

  /** So many bytes have come; a promise means: wait before the next ones. */
  grow(size: number): Promise<void> | undefined {
    this.#timers.at(-1)?.refresh()
    if (size <= largeBytes || this.#isAsked) return undefined
    this.#isAsked = true
    return this.#takePlace()
  }

  /** All of it has come. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  async #takePlace(): Promise<void> {
    this.#release = await places.take(this.#request.socket.remoteAddress ?? '')
    for (const milliseconds of [patience.whole, patience.silent]) this.#timers.push(setTimeout(() => this.#request.destroy(), milliseconds))
  }

  [Symbol.dispose](): void {
    this.end()
    this.#release?.()
  }
}
