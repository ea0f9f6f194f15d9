import type { RunEnds } from '../connect/destination.ts'
import type { ImageCopier } from '../copy/image-copier.ts'
import type { PlanStep } from '../plan/plan.ts'
import { missingBlobs } from '../plan/resolve-image.ts'

/** A copier to a local disk, which refuses an image that does not fit there, with those that are under way, before its first byte. Throws NO_SPACE. */
export function roomyCopier(copier: ImageCopier, { destination, room }: Pick<RunEnds, 'destination' | 'room'>): ImageCopier {
  if (room === undefined) return copier
  return {
    async copy(step: PlanStep, { emit, signal }) {
      const missing = await missingBlobs(step, destination, { signal })
      try {
        await room.expect(missing)
        return await copier.copy(step, {
          signal,
          emit(event) {
            if ('digest' in event && event.type.startsWith('blob-') && event.digest !== undefined) room.begun(event.digest)
            emit(event)
          },
        })
      } finally {
        for (const { digest } of missing) room.begun(digest)
      }
    },
  }
}
