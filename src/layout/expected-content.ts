import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'

/** Clients cannot make this process remember more. */
const mostExpected = 50_000

/** What clients of a layout count on without a manifest that refers to it: blobs and manifests that they stored, or that were confirmed to them; and what was given up. */
export class ExpectedContent {
  /** By digest and repository, when that was; the latest digests last. */
  readonly #expected = new Map<Digest, Map<string, number>>()
  #count = 0
  readonly #released = new Set<Digest>()

  /** A manifest of this repository will refer to this content. */
  expect(repository: Repository, digest: Digest): void {
    const since = this.#expected.get(digest) ?? new Map<string, number>()
    const name = formatRepository(repository)
    if (!since.has(name)) this.#count++
    since.set(name, performance.now())
    this.#expected.delete(digest)
    this.#expected.set(digest, since)
    this.#released.delete(digest)
    if (this.#count > mostExpected) this.#forgetOldest()
  }

  /** A tenth at once: to find the oldest of a Map again and again takes longer each time. */
  #forgetOldest(): void {
    for (const [oldest, { size }] of this.#expected) {
      if (this.#count <= 0.9 * mostExpected) break
      this.#expected.delete(oldest)
      this.#count -= size
    }
  }

  /** A manifest of this repository refers to this content, or a tag to that manifest. */
  fulfil(repository: Repository, digests: Iterable<Digest>): void {
    const name = formatRepository(repository)
    for (const digest of digests) {
      const since = this.#expected.get(digest)
      if (since?.delete(name) !== true) continue
      this.#count--
      if (since.size === 0) this.#expected.delete(digest)
    }
  }

  /** True for content that was expected in the last so many milliseconds: in one repository, or in any. */
  has(digest: Digest, milliseconds: number, repository?: Repository): boolean {
    const since = this.#expected.get(digest)
    if (since === undefined) return false
    const cutoff = performance.now() - milliseconds
    if (repository !== undefined) return (since.get(formatRepository(repository)) ?? -Infinity) > cutoff
    return [...since.values()].some((time) => time > cutoff)
  }

  /** A tag or a manifest that led to this content is gone: no client is about to use it for the first time. */
  release(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#released.add(digest)
  }

  get released(): ReadonlySet<Digest> {
    return this.#released
  }

  /** Forgets what was released. */
  settle(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#released.delete(digest)
  }
}
