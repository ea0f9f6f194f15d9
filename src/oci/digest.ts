import { createHash, type Hash } from 'node:crypto'
import type { Content } from '../async/content.ts'

/** A content digest `algorithm:hex`, sha256 or sha512: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests */
export type Digest = `sha256:${string}` | `sha512:${string}`

const grammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** True for a digest of a known algorithm with exactly its length of lower-case hex. */
export function isDigest(text: string): text is Digest {
  return grammar.test(text)
}

/** A running hash of the digest's algorithm. */
export function digestHash(digest: Digest): Hash {
  return createHash(digest.slice(0, 6))
}

/** The sha256 digest of the bytes. */
export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** True when all that went into a hash of the digest's algorithm has this digest; the hash is used up. */
function endsInDigest(hash: Hash, digest: Digest): boolean {
  return hash.digest('hex') === digest.slice(7)
}

/** Reads content to its end; true when it has this digest. Rejects as reading it does. */
export async function contentHasDigest(content: Content, digest: Digest): Promise<boolean> {
  const hash = digestHash(digest)
  await content.read((chunk) => void hash.update(chunk))
  return endsInDigest(hash, digest)
}

/** True when the bytes have this digest. */
export function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return endsInDigest(digestHash(digest).update(bytes), digest)
}

/** Hashes content while its chunks pass, and refuses the last one where the whole is wrong: no reader ever gets all bytes of wrong content. */
export class DigestCheck {
  /** Bytes that have passed so far. */
  received = 0
  readonly #expected: { readonly digest: Digest; readonly size: number }
  readonly #refusal: () => Error
  readonly #hash: Hash

  constructor(
    expected: { readonly digest: Digest; readonly size: number },
    refusal: () => Error,
    hash: Hash = digestHash(expected.digest),
  ) {
    this.#expected = expected
    this.#refusal = refusal
    this.#hash = hash
  }

  /** The check as it stands before the end, so that another stream can deliver the rest. */
  fork(): DigestCheck {
    const fork = new DigestCheck(this.#expected, this.#refusal, this.#hash.copy())
    fork.received = this.received
    return fork
  }

  /** Takes a chunk before anybody gets it; throws the refusal. */
  take(chunk: Uint8Array): void {
    this.received += chunk.length
    this.#hash.update(chunk)
    if (this.received >= this.#expected.size) this.end()
  }

  /** For content without bytes, of which no chunk is the last; throws the refusal. */
  end(): void {
    const { digest, size } = this.#expected
    if (this.received !== size || !endsInDigest(this.#hash, digest)) throw this.#refusal()
  }
}
