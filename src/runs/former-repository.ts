import { isMirrorError } from '../errors.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { nameBeforeMove } from '../release/system-images.ts'
import type { NameAt } from './options.ts'

/** The repository of a destination under which it may have an image of K3s from before the images moved to ghcr.io; undefined where that name is the same or invalid. */
export function formerRepository(source: Reference, nameAt: NameAt, at: Parameters<NameAt>[1]): Repository | undefined {
  const before = nameBeforeMove(source)
  if (before === undefined) return undefined
  try {
    const { registry, path } = nameAt(before, at)
    return path === nameAt(source, at).path ? undefined : { registry, path }
  } catch (error) {
    if (isMirrorError(error)) return undefined
    throw error
  }
}
