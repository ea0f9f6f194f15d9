import { MirrorError } from '../../errors.ts'
import { formatReference } from '../../oci/reference.ts'
import { normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { firstVersionsWith, versionWithout } from '../k3s-features.ts'
import type { Mirror, Registries } from '../registries.ts'
import { deriveRewrites } from './derive-rewrites.ts'
import type { GenerateOptions, MirroredImage, NodeEndpoint } from './options.ts'

/** Mirrors by registry. */
export interface Mirrors {
  readonly mirrors: Registries['mirrors']
  /** Images that need no mirror, because the destination is their own registry. */
  readonly own: readonly MirroredImage[]
}

function isOwn(registry: string, { url }: NodeEndpoint): boolean {
  return normaliseEndpoint(registry).url === normaliseEndpoint(url).url
}

function mirrorFor(images: readonly MirroredImage[], { url }: NodeEndpoint, flatten: boolean | undefined): Mirror {
  const names = new Map(images.map(({ source, destination }) => [source.path, destination.path]))
  const paths = [...names].map(([from, to]) => ({ from, to }))
  return { endpoints: [url], rewrites: deriveRewrites(paths, flatten) }
}

function byRegistry(images: readonly MirroredImage[]): readonly (readonly [registry: string, images: readonly MirroredImage[]])[] {
  const groups = new Map<string, MirroredImage[]>()
  for (const image of images) {
    const { registry } = image.source
    if (registry !== registry.toLowerCase()) {
      const name = formatReference(image.source)
      throw new MirrorError('USAGE', `${name} has an upper-case registry name, which no mirror of a registries.yaml matches`, {
        hint: 'write the registry in lower case, here and in the manifests of your workloads',
      })
    }
    const group = groups.get(registry) ?? []
    group.push(image)
    groups.set(registry, group)
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function refuseWildcard(why: string): never {
  throw new MirrorError('USAGE', `cannot use options.wildcard: ${why}`, {
    hint: 'remove options.wildcard, so that every registry gets its own mirror',
  })
}

function wildcardMirror({ images, flatten, versions = [] }: GenerateOptions, endpoint: NodeEndpoint): Mirror {
  const old = versionWithout('wildcard', versions)
  if (old !== undefined) {
    refuseWildcard(`K3s ${old} does not support it, only ${firstVersionsWith('wildcard')} and later`)
  }
  const first = new Map<string, MirroredImage>()
  for (const image of images) {
    const other = first.get(image.source.path)
    if (other !== undefined && other.destination.path !== image.destination.path) {
      refuseWildcard(`${formatReference(other.source)} and ${formatReference(image.source)} have the same path, but not at the destination`)
    }
    first.set(image.source.path, image)
  }
  const mirror = mirrorFor(images, endpoint, flatten)
  if (mirror.rewrites.size > 1) refuseWildcard('no single rewrite produces all names at the destination')
  const own = images.find(({ source }) => isOwn(source.registry, endpoint))
  if (own !== undefined && mirror.rewrites.size > 0) {
    refuseWildcard(`${formatReference(own.source)} is already at the destination, and the rewrite would change its name`)
  }
  return mirror
}

/** A mirror for each registry of the images, or one for all of them. Throws USAGE where a mirror would lead to other images. */
export function mirrorsFor(options: GenerateOptions, endpoint: NodeEndpoint): Mirrors {
  const groups = byRegistry(options.images)
  if (options.wildcard === true) return { mirrors: new Map([['*', wildcardMirror(options, endpoint)]]), own: [] }
  const foreign = groups.filter(([registry]) => !isOwn(registry, endpoint))
  return {
    mirrors: new Map(foreign.map(([registry, images]) => [registry, mirrorFor(images, endpoint, options.flatten)])),
    own: groups.filter((group) => !foreign.includes(group)).flatMap(([, images]) => images),
  }
}
