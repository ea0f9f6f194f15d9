/** Runs one write at a time; everyone who asks while one is under way shares the next, so a burst of changes costs two writes. */
export class GroupCommit {
  readonly #write: () => Promise<void>
  #running: Promise<void> = Promise.resolve()
  #queued: Promise<void> | undefined

  constructor(write: () => Promise<void>) {
    this.#write = write
  }

  /** Fulfilled when a write that began after this call is done. */
  run(): Promise<void> {
    this.#queued ??= this.#running.then(this.#start, this.#start)
    return this.#queued
  }

  readonly #start = (): Promise<void> => {
    this.#queued = undefined
    this.#running = this.#write()
    return this.#running
  }
}
