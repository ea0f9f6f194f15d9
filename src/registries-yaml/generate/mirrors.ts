import { MirrorError } from '../../errors.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { defaultHost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { firstVersionsWith, hasFeature } from '../k3s-features.ts'
import type { Mirror, Registries } from '../registries.ts'
import { deriveRewrites, type RenamedPath, type RewriteHints } from './derive-rewrites.ts'

/** An image and its name at the destination. */
export interface MirroredImage {
  readonly source: Reference
  readonly destination: Reference
}

/** The destination as a registries.yaml names it. */
export interface NodeEndpoint {
  /** Scheme, host and port, where that is not the scheme's own. */
  readonly url: string
  /** The key of `configs`. */
  readonly key: string
  readonly isSecure: boolean
}

/** What mirrors are made of. */
export interface MirrorsOptions extends RewriteHints {
  readonly images: readonly MirroredImage[]
  /** One mirror for every registry, those of other images too. */
  readonly wildcard?: boolean | undefined
  /** The versions of K3s that read the file; default: the newest. */
  readonly versions?: readonly K3sVersion[] | undefined
}

/** Mirrors by registry. */
export interface Mirrors {
  readonly mirrors: Registries['mirrors']
  /** Images that need none, because their own registry is the destination. */
  readonly own: readonly MirroredImage[]
}

/** Writes an origin as an endpoint that every version of K3s understands alike: Docker Hub as the host that answers for it. */
export function nodeEndpoint({ protocol, host }: URL): NodeEndpoint {
  const key = defaultHost(host)
  return { url: `${protocol}//${key}`, key, isSecure: protocol === 'https:' }
}

function isOwn(registry: string, { url }: NodeEndpoint): boolean {
  return normaliseEndpoint(registry).url === normaliseEndpoint(url).url
}

function mirrorFor(images: readonly MirroredImage[], { url }: NodeEndpoint, hints: RewriteHints): Mirror {
  const names = new Map(images.map(({ source, destination }) => [source.path, destination.path]))
  const paths = [...names].map(([from, to]): RenamedPath => ({ from, to }))
  return { endpoints: [url], rewrites: deriveRewrites(paths, hints) }
}

function byRegistry(images: readonly MirroredImage[]): readonly (readonly [registry: string, images: readonly MirroredImage[]])[] {
  const groups = new Map<string, MirroredImage[]>()
  for (const image of images) {
    const { registry } = image.source
    if (registry !== registry.toLowerCase()) {
      const name = formatReference(image.source)
      throw new MirrorError('USAGE', `${name} names its registry in upper case, which no mirror of a registries.yaml matches`, {
        hint: 'Write registries in lower case, here and in what is deployed.',
      })
    }
    const group = groups.get(registry)
    if (group === undefined) groups.set(registry, [image])
    else group.push(image)
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function refuseWildcard(why: string): never {
  throw new MirrorError('USAGE', `--wildcard is not right here: ${why}`, {
    hint: 'Leave it out: every registry gets a mirror of its own then.',
  })
}

function wildcardMirror({ images, flatten, versions = [] }: MirrorsOptions, endpoint: NodeEndpoint): Mirror {
  const old = versions.find((version) => !hasFeature(version, 'wildcard'))
  if (old !== undefined) {
    const name = `v${old.major}.${old.minor}.${old.patch}`
    refuseWildcard(`K3s ${name} does not read it as newer versions do (${firstVersionsWith('wildcard')} and later)`)
  }
  const first = new Map<string, MirroredImage>()
  for (const image of images) {
    const other = first.get(image.source.path)
    if (other !== undefined && other.destination.path !== image.destination.path) {
      refuseWildcard(`${formatReference(other.source)} and ${formatReference(image.source)} have one path here and two at the destination`)
    }
    first.set(image.source.path, image)
  }
  const mirror = mirrorFor(images, endpoint, { flatten })
  if (mirror.rewrites.size > 1) refuseWildcard('the names at the destination follow no rule that holds for every registry')
  const own = images.find(({ source }) => isOwn(source.registry, endpoint))
  if (own !== undefined && mirror.rewrites.size > 0) {
    refuseWildcard(`${formatReference(own.source)} is at the destination already, and the rewrite would change its name`)
  }
  return mirror
}

/** A mirror for each registry of the images, or one for all. Throws USAGE where that cannot be right. */
export function mirrorsFor(options: MirrorsOptions, endpoint: NodeEndpoint): Mirrors {
  const groups = byRegistry(options.images)
  if (options.wildcard === true) return { mirrors: new Map([['*', wildcardMirror(options, endpoint)]]), own: [] }
  const mirrors = new Map<string, Mirror>()
  const own: MirroredImage[] = []
  for (const [registry, images] of groups) {
    if (isOwn(registry, endpoint)) own.push(...images)
    else mirrors.set(registry, mirrorFor(images, endpoint, options))
  }
  return { mirrors, own }
}
