import type { OutputClock } from '../../../src/cli/output/renderer.ts'
import { stylesFor, type Styles } from '../../../src/cli/output/styles.ts'

/** Text without colours. */
export const plain: Styles = stylesFor({ isTTY: false }, {})

/** An output that keeps what is written. */
export class Collected {
  text = ''

  write(text: string): void {
    this.text += text
  }

  get lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '')
  }
}

/** A clock that a test turns by hand. */
export class HandClock implements OutputClock {
  #now = 0
  readonly #timers = new Set<{ readonly milliseconds: number; readonly tick: () => void; next: number }>()

  now(): number {
    return this.#now
  }

  every(milliseconds: number, tick: () => void): () => void {
    const timer = { milliseconds, tick, next: this.#now + milliseconds }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that still run. */
  get timers(): number {
    return this.#timers.size
  }

  turn(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (const timer of this.#timers) {
      while (timer.next <= end && this.#timers.has(timer)) {
        this.#now = timer.next
        timer.next += timer.milliseconds
        timer.tick()
      }
    }
    this.#now = end
  }
}
