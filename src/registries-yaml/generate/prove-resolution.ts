import { MirrorError } from '../../errors.ts'
import { formatReference } from '../../oci/reference.ts'
import { normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { createResolver } from '../resolve/resolve-reference.ts'
import type { MirroredImage, NodeEndpoint } from './options.ts'

/** Looks every image up as a node would; throws INTERNAL unless it comes from the destination first, under its name there, or its own where it keeps that. */
export function proveResolution(
  registries: Registries,
  images: readonly MirroredImage[],
  own: readonly MirroredImage[],
  endpoint: NodeEndpoint,
): void {
  const { host, url } = normaliseEndpoint(endpoint.url)
  const resolver = createResolver(registries)
  const kept = new Set(own)
  for (const image of images) {
    const { source, destination } = image
    const { endpoints } = resolver.resolve(source)
    const [first] = endpoints
    const path = kept.has(image) ? source.path : destination.path
    const isFound =
      first !== undefined && first.host === host && `${first.scheme}://${first.host}${first.apiPath}` === url && first.repository === path
    if (isFound && first.rewrite.alternatives.length === 0 && first.rewrite.invalid.length === 0) continue
    const found = first === undefined ? 'nowhere' : `at ${first.scheme}://${first.host} as ${first.repository}`
    throw new MirrorError('INTERNAL', `a node would look for ${formatReference(source)} ${found}, and not as ${path} at ${endpoint.url}`, {
      hint: 'No registries.yaml was written. Other names, with options.rewrite or another prefix, may do; please report it.',
    })
  }
}
