import type { LayoutReader } from '../../layout/layout.ts'
import type { Repository } from '../../oci/reference.ts'
import { generateRegistries } from '../../registries-yaml/generate/generate-registries.ts'
import type { MirroredImage } from '../../registries-yaml/generate/options.ts'
import { isLocalhost } from '../../registries-yaml/hosts/normalise-endpoint.ts'
import { version } from '../../version.ts'
import { formatCount } from './format-amount.ts'

/** The name under which a served layout files what was pushed to it. */
const ownRegistry = 'localhost'

/** One image of each registry will do: every repository keeps its path. What was pushed here is this server's own, whatever it is called. */
function imagesByRegistry(repositories: readonly Repository[], { host }: URL): readonly MirroredImage[] {
  const images = new Map<string, MirroredImage>()
  for (const { registry, path } of repositories) {
    const source = registry === ownRegistry ? host : registry
    // No mirror of a registries.yaml matches upper case.
    if (source === source.toLowerCase()) images.set(source, { source: { registry: source, path }, destination: { registry: host, path } })
  }
  return [...images.values()]
}

/** The registries.yaml with which nodes find what the layout has at this origin; undefined for a layout without images. */
export function nodeRegistries(layout: LayoutReader, origin: URL, login: boolean): string | undefined {
  const repositories = layout.repositories()
  const images = imagesByRegistry(repositories, origin)
  if (images.length === 0) return undefined
  const selection = formatCount(repositories.length, 'repository', 'repositories')
  return generateRegistries({ endpoint: { origin, prefix: '' }, images, selection, version, demands: { clientCertificate: false, login } })
    .text
}

/** True where a certificate's name is that of the host, or a wildcard for it: https://www.rfc-editor.org/rfc/rfc6125#section-6.4.3 */
function covers(name: string, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  const wanted = name.toLowerCase()
  return wanted === bare || (wanted.startsWith('*.') && bare.slice(bare.indexOf('.')) === wanted.slice(1))
}

/** What there is to say of that file when the server starts. */
export function nodeNotes(
  origin: URL,
  { hasPasswords, names }: { readonly hasPasswords: boolean; readonly names: readonly string[] | undefined },
): readonly string[] {
  const isCovered = names === undefined || names.some((name) => covers(name, origin.hostname))
  return [
    ...(isLocalhost(origin.host)
      ? [`${origin.origin} is each node itself: other machines need --listen with an address that they reach`]
      : []),
    ...(isCovered
      ? []
      : [`the certificate is for ${names.join(', ') || 'no name'} and not for ${origin.hostname}: nodes refuse it under that name`]),
    ...(hasPasswords ? ['this registry asks for a password: fill in "auth"'] : []),
  ]
}
