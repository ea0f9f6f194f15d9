const window = 5_000
const spacing = 250

/** Bytes per second over the last five seconds. Times are milliseconds; bytes are only ever added, so a rate is never negative. */
export class RateMeter {
  #samples: { readonly at: number; readonly bytes: number }[] = []
  #bytes = 0

  add(bytes: number, now: number): void {
    this.#sample(now)
    this.#bytes += bytes
  }

  /** Undefined until half a second has been seen. */
  rate(now: number): number | undefined {
    this.#sample(now)
    const [first] = this.#samples
    if (first === undefined || now - first.at < 500) return undefined
    return ((this.#bytes - first.bytes) * 1000) / (now - first.at)
  }

  #sample(now: number): void {
    const last = this.#samples.at(-1)
    if (last === undefined || now - last.at >= spacing) this.#samples.push({ at: now, bytes: this.#bytes })
    const next = this.#samples.findIndex(({ at }) => now - at <= window)
    if (next > 1) this.#samples = this.#samples.slice(next - 1)
  }
}
