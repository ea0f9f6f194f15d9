import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isMirrorError } from '../../errors.ts'
import { isLoopback } from '../../http/address.ts'
import type { LayoutReader } from '../../layout/layout.ts'
import { isRegistry, type Repository } from '../../oci/reference.ts'
import { generateRegistries } from '../../registries-yaml/generate/generate-registries.ts'
import type { MirroredImage } from '../../registries-yaml/generate/options.ts'
import { isLocalhost } from '../../registries-yaml/hosts/normalise-endpoint.ts'
import type { PageSources } from '../../registry-server/own-paths.ts'
import { version } from '../../version.ts'
import type { Served } from '../files/served.ts'
import { formatCount } from './format-amount.ts'

/** The address at which nodes reach the server: the one it listens on; for all addresses, the first name of its certificate or this machine's name. */
export function nodeOrigin(url: string, names: readonly string[]): URL {
  const origin = new URL(url)
  if (origin.hostname !== '0.0.0.0' && origin.hostname !== '[::]') return origin
  const name = [...names.filter((candidate) => !isLoopback(candidate)), hostname()]
    .map((candidate) => (candidate.includes(':') ? `[${candidate}]` : candidate.toLowerCase()))
    .find(isRegistry)
  origin.host = `${name ?? 'registry.example.com'}:${origin.port || (origin.protocol === 'https:' ? 443 : 80)}`
  return origin
}

/** The registry name under which a served layout stores pushed images. */
const ownRegistry = 'localhost'

/** One image for each registry is enough, because every repository keeps its path. Pushed images belong to this server under any of its names. */
function imagesByRegistry(repositories: readonly Repository[], { host }: URL): readonly MirroredImage[] {
  const images = new Map<string, MirroredImage>()
  for (const { registry, path } of repositories) {
    const source = registry === ownRegistry ? host : registry
    // A mirror in registries.yaml never matches upper case.
    if (source === source.toLowerCase()) images.set(source, { source: { registry: source, path }, destination: { registry: host, path } })
  }
  return [...images.values()]
}

/** The registries.yaml with which nodes pull the images of the layout from this origin; undefined for a layout without images. */
export function nodeRegistries(layout: LayoutReader, origin: URL, login: boolean): string | undefined {
  const repositories = layout.repositories()
  const images = imagesByRegistry(repositories, origin)
  if (images.length === 0) return undefined
  const selection = formatCount(repositories.length, 'repository', 'repositories')
  return generateRegistries({ endpoint: { origin, prefix: '' }, images, selection, version, demands: { clientCertificate: false, login } })
    .text
}

/** True where a certificate's name equals the host, or is a wildcard for it: https://www.rfc-editor.org/rfc/rfc6125#section-6.4.3 */
function covers(name: string, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  const wanted = name.toLowerCase()
  return wanted === bare || (wanted.startsWith('*.') && bare.slice(bare.indexOf('.')) === wanted.slice(1))
}

/** Notes about that file, for the start of the server. */
export function nodeNotes(
  origin: URL,
  { hasPasswords, names }: { readonly hasPasswords: boolean; readonly names: readonly string[] | undefined },
): readonly string[] {
  const isCovered = names === undefined || names.some((name) => covers(name, origin.hostname))
  return [
    ...(isLocalhost(origin.host)
      ? [`${origin.origin} means the node itself: pass --listen with an address that other machines can reach`]
      : []),
    ...(isCovered ? [] : [`the certificate is for ${names.join(', ') || 'no name'}, not for ${origin.hostname}: nodes reject it`]),
    ...(hasPasswords ? ['this registry requires a password: fill in "auth"'] : []),
  ]
}

async function modifiedAt(path: string): Promise<Date | undefined> {
  return (await stat(path).catch(() => undefined))?.mtime
}

/** What the page of a served layout or bundle shows in addition to its contents; times are modification times of its files. */
export function pageSources(
  { reader, lists = [], namesPath, contentPath }: Omit<Served, keyof AsyncDisposable>,
  hasPasswords: boolean,
): PageSources {
  return {
    lists,
    nodeRegistries: (origin) => {
      try {
        return nodeRegistries(reader, origin, hasPasswords)
      } catch (error) {
        // Where registries.yaml cannot express a name, the page only lacks this part.
        if (isMirrorError(error)) return undefined
        throw error
      }
    },
    storedAt: (digest) => modifiedAt(contentPath(digest)),
    changedAt: () => modifiedAt(namesPath),
  }
}
