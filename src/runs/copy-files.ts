import pLimit from 'p-limit'
import type { RetryPolicy } from '../async/retry.ts'
import type { BundleDestination } from '../bundle/bundle-destination.ts'
import { inPathOrder } from '../bundle/bundle-record.ts'
import type { Connections } from '../connect/clients.ts'
import { summariseError } from '../copy/events.ts'
import { readLargeFile } from '../kit/fetch-content.ts'
import type { GatheredKit } from '../kit/gather-kit.ts'
import type { GatheredFile } from '../kit/gathered-file.ts'
import type { RunContext } from './start-run.ts'

/** Large files at once, as many as large blobs of one registry. */
const filesAtOnce = 6

/** What the run says about copying. */
interface CopyFilesOptions extends Pick<RunContext, 'emit' | 'signal'> {
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly blobJobs?: number | undefined
}

/** The small files of a kit, whose bytes are known before it is arranged. */
export function heldBytes({ files }: GatheredKit): ReadonlyMap<string, Uint8Array> {
  return new Map(files.flatMap(({ path, from }) => (from instanceof Uint8Array ? [[path, from] as const] : [])))
}

/** Brings the large files of a kit to their places, several at once; false where one of them failed, which is reported. Throws once the signal is aborted. */
export async function copyFiles(
  { files, brought }: GatheredKit,
  client: Connections['client'],
  bundles: BundleDestination,
  options: CopyFilesOptions,
): Promise<boolean> {
  const { emit, blobJobs = filesAtOnce } = options
  const isLarge = ({ from }: GatheredFile): boolean => !(from instanceof Uint8Array)
  const plan = (file: GatheredFile, state: 'new' | 'present' | 'base'): void => {
    const { path, digest, size, release, coverage } = file
    emit({ type: 'file-planned', path, digest, size, state, ...(release !== undefined && { release }), coverage })
  }
  for (const file of inPathOrder([...files, ...brought])) {
    plan(file, brought.includes(file) ? 'base' : isLarge(file) && bundles.hasFile(file.path) ? 'present' : 'new')
  }
  for (const { path, digest, size } of files.filter((file) => !isLarge(file))) emit({ type: 'file-copied', path, digest, size })
  const limit = pLimit(blobJobs)
  const missing = files.filter((file) => isLarge(file) && !bundles.hasFile(file.path)).toSorted((a, b) => b.size - a.size)
  const copied = await Promise.all(missing.map((file) => limit(() => copyFile(file, client, bundles, options))))
  return !copied.includes(false)
}

async function copyFile(
  file: GatheredFile,
  client: Connections['client'],
  bundles: BundleDestination,
  { emit, signal, retry }: CopyFilesOptions,
): Promise<boolean> {
  const { path, digest, size } = file
  try {
    signal.throwIfAborted()
    await readLargeFile(client, file, (open) => bundles.putFile(path, open), {
      signal,
      retry,
      onProgress: (bytes) => emit({ type: 'file-progressed', path, size, bytes }),
      onRetry: ({ attempt, delay, error }) => emit({ type: 'retrying', attempt, delay, error: summariseError(error) }),
    })
    emit({ type: 'file-copied', path, digest, size })
    return true
  } catch (error) {
    signal.throwIfAborted()
    emit({ type: 'file-failed', path, error: summariseError(error) })
    return false
  }
}
