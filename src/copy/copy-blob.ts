import { contentOf, type Content } from '../async/content.ts'
import { isTransient, orWrongOnce, retry, type Retry, type RetryPolicy } from '../async/retry.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobLedger } from './blob-ledger.ts'
import { openVerified } from './verified-content.ts'

/** A blob on its way from one repository to another. */
export interface BlobCopy {
  readonly descriptor: Descriptor
  readonly from: Repository
  readonly to: Repository
}

/** The two ends of a run and what is shared between its images. */
export interface Ends {
  readonly source: ImageSource
  readonly destination: ImageDestination
  readonly ledger: BlobLedger
  readonly retry?: Partial<RetryPolicy> | undefined
}

/** How a blob is copied, and who is told. */
export interface BlobOptions {
  /** Upload it whatever the destination says it has: a manifest was refused because it was missing. */
  readonly force?: boolean
  /** It is most likely there, so that a HEAD comes first. */
  readonly isLikelyPresent?: boolean
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

/** Why a blob needed no upload, or that it was uploaded. */
export type BlobOutcome = 'present' | 'mounted' | 'copied'

/** Bytes up to which a blob is asked for by a mount from its own repository, which opens the upload in the same round trip. */
const smallBlobBytes = 1024 * 1024

/**
 * Brings one blob to a repository in the cheapest way that works: it is there already; another repository of the destination has it
 * and it is mounted; or it is streamed from the source. A blob that several images share waits for the first of them.
 */
export function copyBlob(copy: BlobCopy, ends: Ends, options: BlobOptions = {}): Promise<BlobOutcome> {
  const { descriptor, to } = copy
  const { ledger } = ends
  return ledger.alone(descriptor.digest, async () => {
    const known = options.force === true ? undefined : await withoutUpload(copy, ends, options)
    const outcome = known ?? ((await upload(copy, ends, options)) ? 'copied' : 'present')
    ledger.add(descriptor.digest, to)
    return outcome
  })
}

/** How the blob came to be there without an upload; undefined when it has to be uploaded. */
async function withoutUpload({ descriptor, to }: BlobCopy, ends: Ends, options: BlobOptions): Promise<BlobOutcome | undefined> {
  const { ledger, destination } = ends
  const { digest, size } = descriptor
  const { signal, isLikelyPresent = false } = options
  if (ledger.has(digest, to)) return 'present'
  if (isLikelyPresent && (await destination.headBlob(to, descriptor, { signal }))) return 'present'
  const holder = ledger.holder(digest)
  if (holder !== undefined && (await destination.mountBlob?.(to, digest, holder, { signal })) === true) return 'mounted'
  // A refused mount has opened the upload. Large blobs are worth a HEAD all the same: some registries refuse every mount.
  const isPresent =
    size <= smallBlobBytes && holder === undefined && destination.mountBlob !== undefined
      ? destination.mountBlob(to, digest, to, { signal })
      : destination.headBlob(to, descriptor, { signal })
  return (await isPresent) ? 'present' : undefined
}

/**
 * Streams the blob. A source that breaks is resumed within one upload (openVerified); a destination that breaks gets the blob
 * again from its start; content that was wrong once gets one more chance. False where the destination had it already.
 */
async function upload({ descriptor, from, to }: BlobCopy, ends: Ends, options: BlobOptions): Promise<boolean> {
  const { source, destination } = ends
  const { signal, onProgress, onRetry } = options
  const { data } = descriptor
  const open = async (): Promise<Content> =>
    data === undefined ? openVerified(source, from, descriptor, { signal, retry: ends.retry, onProgress, onRetry }) : contentOf(data)
  return retry(() => destination.putBlob(to, descriptor, open, { signal }), {
    ...ends.retry,
    signal,
    onRetry,
    isTransient: orWrongOnce((error) => isTransient(error) && error.side !== 'source'),
  })
}
