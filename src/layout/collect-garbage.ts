import { join } from 'node:path'
import { isMirrorError } from '../errors.ts'
import { requestCollection } from './collection-request.ts'
import { ExpectedContent } from './expected-content.ts'
import { GarbageCollection, type CollectedLayout } from './garbage-collection.ts'
import type { CollectedGarbage, CollectionOptions, Layout } from './layout.ts'
import { openExistingLayout, openForPreview, privateName } from './open-layout.ts'
import { Parents } from './parents.ts'

/** How the garbage of a layout is collected. */
export interface CollectGarbageOptions {
  /** Removes nothing. */
  readonly dryRun?: boolean
  /** Milliseconds for which content without a tag is kept; default 0, or what the server that is writing to the layout uses. */
  readonly grace?: number
  /** Whether the removal survives a power cut (default). */
  readonly durable?: boolean
  readonly signal?: AbortSignal
}

/** What became of the garbage of a layout. */
export interface GarbageReport extends CollectedGarbage {
  readonly dryRun: boolean
  /** Seconds for which content without a tag is kept. */
  readonly graceSeconds: number
  /** Bytes of all blobs and manifests, before and after. */
  readonly storedBytes: { readonly before: number; readonly after: number }
  /** True when a server that is writing to the layout has done it. */
  readonly byServer: boolean
}

/** What a collection changes in a layout that it only reads: nothing outside of memory. */
const noRemoval: CollectedLayout['removal'] = {
  exclusively: (work) => work(),
  forget: () => Promise.resolve(),
  remove: () => Promise.resolve(),
}

/** Finds the garbage of a layout as it is at this moment, and removes nothing. */
export async function previewGarbage(
  directory: string,
  options: CollectionOptions,
  expected: ExpectedContent = new ExpectedContent(),
): Promise<Omit<GarbageReport, 'byServer'>> {
  const { blobs, catalogue, pinned, kept } = await openForPreview(directory)
  const parents = new Parents()
  await parents.read(blobs, catalogue, kept)
  const before = await blobs.storedBytes()
  const layout = { directory, blobs, catalogue, pinned, parents, expected, removal: noRemoval }
  const garbage = await new GarbageCollection(layout, options).run()
  return {
    dryRun: true,
    graceSeconds: options.graceMilliseconds / 1000,
    ...garbage,
    storedBytes: { before, after: before - garbage.removed.bytes },
  }
}

/** Removes the garbage of a layout that this process writes to. */
export async function removeGarbage(layout: Layout, options: CollectionOptions): Promise<Omit<GarbageReport, 'byServer'>> {
  const before = await layout.storedBytes()
  const garbage = await layout.collectGarbage(options)
  const storedBytes = { before, after: await layout.storedBytes() }
  return { dryRun: false, graceSeconds: options.graceMilliseconds / 1000, ...garbage, storedBytes }
}

/**
 * Removes blobs and manifests of a layout that no tag reaches. Where a server is writing to the layout, that server does it. Throws LAYOUT_LOCKED while another
 * program is writing to it, NOT_FOUND and USAGE where there is no layout, and LOCAL_IO.
 */
export async function collectGarbage(directory: string, options: CollectGarbageOptions = {}): Promise<GarbageReport> {
  const { dryRun = false, grace, durable = true, signal } = options
  const request = { dryRun, ...(grace !== undefined && { graceMilliseconds: grace }) }
  const ask = async (): Promise<GarbageReport | undefined> => {
    const report = await requestCollection(join(directory, privateName), request, { signal })
    return report && ({ ...report, byServer: true } as unknown as GarbageReport)
  }
  const own = { graceMilliseconds: grace ?? 0, signal }
  const answer = await ask()
  if (answer !== undefined) return answer
  if (dryRun) return { ...(await previewGarbage(directory, own)), byServer: false }
  try {
    await using layout = await openExistingLayout(directory, { durable })
    return { ...(await removeGarbage(layout, own)), byServer: false }
  } catch (error) {
    // A server may have begun in the meantime.
    const late = isMirrorError(error) && error.code === 'LAYOUT_LOCKED' ? await ask() : undefined
    if (late !== undefined) return late
    throw error
  }
}
