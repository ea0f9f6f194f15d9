import type { ChunkSink, Content } from '../async/content.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import { contentHasDigest, DigestCheck, type Digest } from '../oci/digest.ts'

/** Contents up to this size are read and hashed before their first byte is given, so that a damaged one is an error and not a broken answer. */
const checkedFirstBytes = 16 * 1024 * 1024

/** Where content of one digest is read. */
export interface VerifiedPlace {
  /** The bytes, not verified; undefined where they are missing. */
  open(range: BlobRange): Promise<Content | undefined>
  /** Changes when the bytes may have changed, so that they are looked at again; undefined where they cannot. */
  readonly stamp?: string
  /** The error for content that is damaged. */
  wrong(): Error
}

/** Reads contents so that no reader gets all bytes of a damaged one, or a range of it. */
export class VerifiedContents {
  readonly #checks = new Map<Digest, { readonly stamp: string | undefined; readonly check: Promise<boolean> }>()

  /** The content or some of its bytes; undefined where it is missing. Throws what the place calls wrong, also in place of the last chunk. */
  async read(
    { digest, size }: { readonly digest: Digest; readonly size: number },
    place: VerifiedPlace,
    range: BlobRange = {},
  ): Promise<Content | undefined> {
    const offset = Math.min(range.offset ?? 0, size)
    const length = Math.min(range.length ?? size, size - offset)
    const isAll = length === size
    if ((!isAll || size <= checkedFirstBytes) && !(await this.#isWhole(digest, place))) throw place.wrong()
    const content = await place.open({ offset, length, signal: range.signal })
    if (!isAll || content === undefined) return content
    const check = new DigestCheck({ digest, size }, () => place.wrong())
    const read = (sink: ChunkSink): Promise<void> =>
      content.read((chunk) => {
        check.take(chunk)
        return sink(chunk)
      })
    return { size, read, cancel: () => content.cancel() }
  }

  /** Requests that come together, and later ones, share one look at all of the content. */
  #isWhole(digest: Digest, place: VerifiedPlace): Promise<boolean> {
    const known = this.#checks.get(digest)
    if (known !== undefined && known.stamp === place.stamp) return known.check
    const check = this.#look(digest, place)
    this.#checks.set(digest, { stamp: place.stamp, check })
    check.catch(() => this.#checks.delete(digest))
    return check
  }

  async #look(digest: Digest, place: VerifiedPlace): Promise<boolean> {
    const content = await place.open({})
    return content !== undefined && contentHasDigest(content, digest)
  }
}
