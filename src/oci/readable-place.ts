import type { ImageDestination } from './image-destination.ts'
import type { ImageSource } from './image-source.ts'

/** A place whose images can be looked at; nothing is written there. */
export type ReadablePlace = Pick<ImageSource, 'headManifest' | 'getManifest' | 'getBlob'> & Pick<ImageDestination, 'headBlob'>

/** A place that cannot be asked at all, for the reason given. */
export function refusingPlace(error: Error): ReadablePlace {
  const refuse = async (): Promise<never> => {
    throw error
  }
  return { headManifest: refuse, getManifest: refuse, getBlob: refuse, headBlob: refuse }
}
