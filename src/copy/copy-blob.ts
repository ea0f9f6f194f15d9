import { contentOf, type Content } from '../async/content.ts'
import { isTransient, orWrongOnce, retry, type RetryPolicy } from '../async/retry.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination, OfferOptions } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import { openVerified, type VerifiedOptions } from './verified-content.ts'

interface Entry {
  readonly holders: Map<string, Repository>
  copying: Promise<unknown> | undefined
}

/** The blobs known at a run's destination: the repositories that hold them, and those being copied. */
export class BlobLedger {
  readonly #entries = new Map<Digest, Entry>()
  readonly #onSettled: ((digest: Digest) => void) | undefined

  /** `onSettled` is called when a blob's work has ended, successfully or not. */
  constructor(onSettled?: (digest: Digest) => void) {
    this.#onSettled = onSettled
  }

  /** Records that a repository has the blob. */
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

  /** Forgets a blob that the destination reported missing. */
  forget(digest: Digest): void {
    this.#entries.get(digest)?.holders.clear()
  }

  /** Runs one piece of work at a time for each blob. */
  async exclusively<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const entry = this.#entry(digest)
    while (entry.copying !== undefined) await entry.copying
    const result = work()
    entry.copying = Promise.allSettled([result])
    try {
      return await result
    } finally {
      entry.copying = undefined
      this.#onSettled?.(digest)
    }
  }

  #entry(digest: Digest): Entry {
    const entry = this.#entries.get(digest) ?? { holders: new Map(), copying: undefined }
    this.#entries.set(digest, entry)
    return entry
  }
}

/** A blob to copy from one repository to another. */
export interface BlobCopy {
  readonly descriptor: Descriptor
  readonly from: Repository
  readonly to: Repository
  /** As in `NamedImage`. */
  readonly formerly?: Repository | undefined
}

/** A repository of the destination that has a blob; a guess may lack it. */
export interface BlobHolder {
  readonly repository: Repository
  readonly isGuess: boolean
}

/** Opens a blob of the source for one reading, which delivers its last chunk once the digest of the whole matches. */
export type OpenBlob = (repository: Repository, descriptor: Descriptor, options: VerifiedOptions) => Promise<Content>

/** Source and destination of a run, and what its images share. */
export interface Ends {
  readonly source: ImageSource
  /** Present where several destinations read the source at once; default: `openVerified`. */
  readonly openBlob?: OpenBlob | undefined
  readonly destination: ImageDestination
  readonly ledger: BlobLedger
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Finds another repository of the destination that has a blob which no repository is known to have. */
  readonly findHolder?: ((copy: Omit<BlobCopy, 'from'>) => Promise<BlobHolder | undefined>) | undefined
}

/** How a blob is copied, and callbacks about it. */
export interface BlobOptions extends Omit<VerifiedOptions, 'retry'>, Pick<OfferOptions, 'presence'> {}

/** Why a blob needed no upload, or that it was uploaded. */
export type BlobOutcome = 'present' | 'mounted' | 'copied'

/** Copies one blob to a repository in the cheapest way: it is present, is mounted, or is streamed. A blob of several images waits for the first of them. */
export function copyBlob(copy: BlobCopy, ends: Ends, options: BlobOptions = {}): Promise<BlobOutcome> {
  const { descriptor, to } = copy
  const { ledger } = ends
  return ledger.exclusively(descriptor.digest, async () => {
    const outcome = await transfer(copy, ends, options)
    ledger.add(descriptor.digest, to)
    return outcome
  })
}

/** A broken source is resumed within one upload; a broken destination gets the blob from its start; wrong content is retried once. */
async function transfer(copy: BlobCopy, ends: Ends, options: BlobOptions): Promise<BlobOutcome> {
  const { descriptor, from, to } = copy
  const { source, destination, ledger, openBlob = openVerified.bind(undefined, source) } = ends
  const { presence, signal, onProgress, onRetry } = options
  const { digest, data } = descriptor
  const isDisproved = presence === 'disproved'
  if (!isDisproved && ledger.has(digest, to)) return 'present'
  const known = isDisproved ? undefined : ledger.holder(digest)
  const found = known === undefined && presence === undefined ? await ends.findHolder?.(copy) : undefined
  const holder = known ?? found?.repository
  const isGuess = found?.isGuess === true
  if (holder !== undefined && !isGuess) ledger.add(digest, holder)
  const offered = await destination.offerBlob(to, descriptor, { from: holder, isGuess, presence, signal })
  if (holder !== undefined && offered.kind === 'mounted') ledger.add(digest, holder)
  if (offered.kind !== 'upload') return offered.kind
  const { upload } = offered
  const open = async (): Promise<Content> =>
    data === undefined ? openBlob(from, descriptor, { signal, retry: ends.retry, onProgress, onRetry }) : contentOf(data)
  const isTransientAtDestination = orWrongOnce((error) => isTransient(error) && error.side !== 'source')
  try {
    const isStored = await retry(() => upload.put(open, { signal }), {
      ...ends.retry,
      signal,
      onRetry,
      isTransient: isTransientAtDestination,
    })
    return isStored ? 'copied' : 'present'
  } finally {
    await upload.cancel()
  }
}
