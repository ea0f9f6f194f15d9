import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { MirrorError } from '../errors.ts'

/** A password, and the bcrypt hash that it may be of. */
export interface Comparison {
  readonly password: string
  readonly hash: string
}

/** Compares passwords in a thread of its own, one at a time, because a comparison takes up to seconds of a processor; the first one starts the thread. */
export class PasswordThread implements Disposable {
  #worker: Worker | undefined

  #start(): Worker {
    const worker = new Worker(new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url))
    // The next comparison starts another one; without a listener, an error would end the process.
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined
    })
    return worker
  }

  /** True when the password is right; the next comparison may be asked for when this one has ended. */
  async compare(comparison: Comparison): Promise<boolean> {
    const worker = (this.#worker ??= this.#start())
    worker.ref()
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      worker.postMessage(comparison)
      const [isRight] = (await once(worker, 'message')) as [boolean]
      return isRight
    } catch (cause) {
      throw new MirrorError('LOCAL_IO', 'passwords cannot be compared', { cause })
    } finally {
      // A thread that waits keeps no process alive.
      worker.unref()
    }
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate()
  }
}
