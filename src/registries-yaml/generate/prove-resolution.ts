import { MirrorError } from '../../errors.ts'
import { formatReference } from '../../oci/reference.ts'
import { normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { createResolver } from '../resolve/resolve-reference.ts'
import type { MirroredImage, NodeEndpoint } from './options.ts'

/** Looks up every image as a node would. Throws INTERNAL unless the first endpoint is the destination, under the image's name there. */
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
    const found = first === undefined ? 'from no endpoint' : `as ${first.repository} from ${first.scheme}://${first.host}`
    const message = `a node would pull ${formatReference(source)} ${found}, not as ${path} from ${endpoint.url}`
    throw new MirrorError('INTERNAL', message, { hint: 'try another options.rewrite or another prefix, and report this bug' })
  }
}
