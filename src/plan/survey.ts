import type { Descriptor } from '../oci/descriptor.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { PlanStep } from './plan.ts'

/** The blobs of a step that the destination's repository lacks. */
export async function missingBlobs(
  step: PlanStep,
  destination: ImageDestination,
  options: CallOptions = {},
): Promise<readonly Descriptor[]> {
  const { blobs } = step.contents
  const present = await Promise.all(blobs.map((blob) => destination.headBlob(step.destination, blob, options)))
  return blobs.filter((_, index) => present[index] !== true)
}
