import { formatReference, type Reference } from '../../oci/reference.ts'
import type { MirroredImage } from './options.ts'

/** The value of K3s' flag that would lead to the same images, or why none would. */
export type SystemDefaultRegistry = { readonly value: string } | { readonly reason: string }

/** K3s' own images, which alone the flag is about: today's, and those of the coming ones at GitHub. */
function isSystemImage({ registry, path }: Reference): boolean {
  return (registry === 'docker.io' && path.startsWith('rancher/')) || (registry === 'ghcr.io' && path.startsWith('k3s-io/'))
}

/** K3s puts `<value>/` before the path of each of its own images and leaves the names of all others: https://docs.k3s.io/cli/server */
export function systemDefaultRegistry(images: readonly MirroredImage[]): SystemDefaultRegistry {
  const values = new Set<string>()
  for (const { source, destination } of images) {
    if (!isSystemImage(source)) return { reason: `${formatReference(source)} is none of K3s' own images, whose names alone it changes` }
    const suffix = `/${source.path}`
    const name = `${destination.registry}/${destination.path}`
    if (!name.endsWith(suffix)) return { reason: `it keeps the path ${source.path}, and the destination has ${destination.path}` }
    values.add(name.slice(0, -suffix.length))
  }
  const [value, ...others] = values
  if (value === undefined || others.length > 0) return { reason: 'the images are not all under one prefix' }
  return { value }
}
