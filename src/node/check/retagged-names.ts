import { formatRepository, type Reference } from '../../oci/reference.ts'
import type { NodeSettings } from '../node-settings.ts'

/** The registries that K3s adds to the names of imported images, in order. */
export function extraRegistries({ airgapExtraRegistries = [], systemDefaultRegistry = '' }: NodeSettings): readonly string[] {
  return systemDefaultRegistry === '' || airgapExtraRegistries.includes(systemDefaultRegistry)
    ? airgapExtraRegistries
    : [...airgapExtraRegistries, systemDefaultRegistry]
}

/** The further names of an imported image, as K3s tags it: `<registry>/<path>:<tag>` for each registry that does not have it already. Empty for an image without a tag, with which K3s refuses the file. */
export function retaggedNames(image: Reference, registries: readonly string[]): readonly string[] {
  if (image.tag === undefined) return []
  const own = formatRepository(image)
  const plain = new Set(registries.map((registry) => registry.replace(/\/$/, '')))
  return [...plain]
    .filter((registry) => registry !== '' && !own.startsWith(`${registry}/`))
    .map((registry) => `${registry}/${image.path}:${image.tag}`)
}
