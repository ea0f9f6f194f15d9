import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'

interface Entry {
  readonly holders: Map<string, Repository>
  copying: Promise<unknown> | undefined
}

/** What a run knows of the blobs at its destination: which repositories hold them, and which are on their way. */
export class BlobLedger {
  readonly #entries = new Map<Digest, Entry>()

  /** Notes that a repository has the blob. */
  add(digest: Digest, repository: Repository): void {
    this.#entry(digest).holders.set(formatRepository(repository), repository)
  }

  /** True when the repository is known to have the blob. */
  has(digest: Digest, repository: Repository): boolean {
    return this.#entries.get(digest)?.holders.has(formatRepository(repository)) === true
  }

  /** A repository that has the blob. */
  holder(digest: Digest): Repository | undefined {
    return this.#entries.get(digest)?.holders.values().next().value
  }

  /** Forgets what is known: the destination said otherwise. */
  forget(digest: Digest): void {
    this.#entries.get(digest)?.holders.clear()
  }

  /** Runs the work when nobody else is at work on the same blob, one after another. */
  async alone<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const entry = this.#entry(digest)
    while (entry.copying !== undefined) await entry.copying
    const result = work()
    entry.copying = Promise.allSettled([result])
    try {
      return await result
    } finally {
      entry.copying = undefined
    }
  }

  #entry(digest: Digest): Entry {
    const entry = this.#entries.get(digest) ?? { holders: new Map(), copying: undefined }
    this.#entries.set(digest, entry)
    return entry
  }
}
