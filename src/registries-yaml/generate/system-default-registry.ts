import { formatReference } from '../../oci/reference.ts'
import { isSystemImage } from '../../release/system-images.ts'
import type { K3sVersion } from '../../release/version.ts'
import { normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { firstVersionsWith, versionWithout } from '../k3s-features.ts'
import type { GenerateOptions, MirroredImage, NodeEndpoint } from './options.ts'

/** What K3s' flag `--system-default-registry` does for a selection. */
export interface DefaultRegistryUse {
  /** The value that leads to K3s' own images; undefined where no value does. */
  readonly value: string | undefined
  /** The images that nodes find only with the mirrors, whatever the value. */
  readonly needMirrors: readonly string[]
  /** Why no value does, or what the value needs. */
  readonly notes: readonly string[]
}

/** K3s puts `<value>/` before the path of each of its own images and keeps the names of all others: https://docs.k3s.io/cli/server */
function valueFor(
  images: readonly MirroredImage[],
  versions: readonly K3sVersion[],
): { readonly value: string } | { readonly why: string } {
  const old = versionWithout('system-default-registry', versions)
  if (old !== undefined) return { why: `K3s ${old} does not support it, only ${firstVersionsWith('system-default-registry')} and later` }
  const values = new Set<string>()
  for (const { source, destination } of images) {
    const suffix = `/${source.path}`
    const name = `${destination.registry}/${destination.path}`
    if (!name.endsWith(suffix)) return { why: `it keeps the path ${source.path}, which is ${destination.path} at the destination` }
    values.add(name.slice(0, -suffix.length))
  }
  const [value, ...others] = values
  if (value === undefined) return { why: "it renames only K3s' own images, and none of them is selected" }
  return others.length === 0 ? { value } : { why: "K3s' own images do not share one prefix" }
}

/** Finds the value of `--system-default-registry` that leads to K3s' own images; `atHome` are images that need no mirror at all. */
export function useDefaultRegistry(
  { images, versions = [] }: GenerateOptions,
  { url, key, isSecure }: NodeEndpoint,
  atHome: readonly MirroredImage[],
): DefaultRegistryUse {
  const system = images.filter(({ source, isListed = false }) => isListed || isSystemImage(source))
  const mirrored = images.filter((image) => !atHome.includes(image))
  const namesOf = (some: readonly MirroredImage[]): readonly string[] => some.map(({ source }) => formatReference(source))
  const none = (note: string): DefaultRegistryUse => ({ value: undefined, needMirrors: namesOf(mirrored), notes: [note] })
  const found = valueFor(system, versions)
  if ('why' in found) return none(`--system-default-registry cannot replace the mirrors: ${found.why}`)
  if (normaliseEndpoint(key).url !== normaliseEndpoint(url).url) {
    const scheme = isSecure ? 'http' : 'https'
    return none(`--system-default-registry makes nodes use ${scheme}: it also needs a mirror "${key}" with the endpoint ${url}`)
  }
  return { value: found.value, needMirrors: namesOf(mirrored.filter((image) => !system.includes(image))), notes: [] }
}
