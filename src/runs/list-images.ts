import { openConnections, type ConnectionOptions, type Connections } from '../connect/clients.ts'
import { looksLikeLock } from '../lock/lock.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectImages, type SelectionOptions } from '../release/select-images.ts'
import { checkOptions } from './check-options.ts'
import type { HeldLock, LockedOptions } from './held-lock.ts'

/** Which images, and how HTTP is spoken with the hosts of lists. */
export type ListOptions = SelectionOptions & ConnectionOptions

/** Reads the lock file that a run keeps to; undefined without one. Throws INVALID_LIST, and USAGE for options that contradict it. */
export async function openLock(options: LockedOptions, use?: { readonly isCheck?: boolean }): Promise<HeldLock | undefined> {
  if (options.locked === undefined) return undefined
  return (await import('./held-lock.ts')).HeldLock.open(options.locked, options, use)
}

/** The images of a selection, also those that bundles, lock files and layouts name; those of a lock where it is the only selection. Throws as `selectImages`, and what reading an archive throws. */
export async function selectListed(client: Connections['client'], options: SelectionOptions, lock?: HeldLock): Promise<ImageList> {
  const { releases = [], images = [], references = [] } = options
  const isOnlyLock = lock !== undefined && releases.length + images.length + references.length === 0
  const list = await selectImages(client, isOnlyLock ? { ...options, images: [lock.path] } : options, {
    async place(place, { signal }) {
      if (isOnlyLock) return lock.names()
      const { readNamedImages } = await import('../bundle/named-images.ts')
      return readNamedImages(place, { signal })
    },
    async lock(text, name) {
      if (!looksLikeLock(text)) return undefined
      const { readLockNames } = await import('../bundle/bundle-lock.ts')
      return readLockNames(text, name)
    },
  })
  return lock === undefined || isOnlyLock ? list : lock.apply(list)
}

/** Fetches the lists of a selection and merges them. Throws what the lists gave: USAGE, INVALID_LIST, CHECKSUM_MISMATCH and others. */
export async function listImages(options: ListOptions): Promise<ImageList> {
  checkOptions(options)
  const lock = await openLock(options)
  await using connections = await openConnections(options, {}, options)
  return await selectListed(connections.client, options, lock)
}
