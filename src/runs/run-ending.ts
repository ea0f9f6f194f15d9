import type { RunEnds } from '../connect/destination.ts'
import { isMirrorError, type MirrorError } from '../errors.ts'
import type { NamedImage } from '../plan/destination-names.ts'

/** Decides whether the failure of one image is that of every image; gives the error that the run ends with then. */
export type RunEnding = (failure: unknown) => Promise<MirrorError | undefined>

/** Asks the registry of the side that failed whether it can be used at all. */
export function runEnding(
  ends: Partial<Pick<RunEnds, 'source' | 'registry'>>,
  images: readonly NamedImage[],
  signal: AbortSignal | undefined,
): RunEnding {
  const sources = images.map(({ source }) => source)
  const destinations = images.map(({ destination }) => destination)
  const check = async (failure: unknown): Promise<void> => {
    if (!isMirrorError(failure)) return
    if (failure.side === 'destination') await ends.registry?.checkAccess(destinations, { signal })
    if (failure.side === 'source') await ends.source?.checkAccess(sources, { signal })
  }
  return async (failure) => {
    try {
      await check(failure)
      return undefined
    } catch (error) {
      if (isMirrorError(error)) return error
      throw error
    }
  }
}
