import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** A password, and the bcrypt hash that it may be of. */
export interface Comparison {
  readonly password: string
  readonly hash: string
}

/** Compares passwords in a thread of its own, one at a time, because a comparison takes up to seconds of a processor; the first one starts the thread. */
export class PasswordThread implements Disposable {
  #worker: Worker | undefined

  /** True when the password is right; the next comparison may be asked for when this one has ended. */
  async compare(comparison: Comparison): Promise<boolean> {
    const worker = (this.#worker ??= new Worker(new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url)))
    worker.ref()
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      worker.postMessage(comparison)
      const [isRight] = (await once(worker, 'message')) as [boolean]
      return isRight
    } catch (error) {
      this.#worker = undefined
      throw error
    } finally {
      // A thread that waits keeps no process alive.
      worker.unref()
    }
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate()
  }
}
