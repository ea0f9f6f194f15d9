import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isMirrorError } from '../../errors.ts'
import type { LayoutReader } from '../../layout/layout.ts'
import { isRegistry, type Repository } from '../../oci/reference.ts'
import { generateRegistries } from '../../registries-yaml/generate/generate-registries.ts'
import type { MirroredImage } from '../../registries-yaml/generate/options.ts'
import { isNodeItself, nodeItselfWarning } from '../../registries-yaml/hosts/node-itself.ts'
import { nodeCaPath } from '../../registry-server/node-commands.ts'
import type { PageSources } from '../../registry-server/own-paths.ts'
import { version } from '../../version.ts'
import type { Served } from '../files/served.ts'
import { formatCount } from './format-amount.ts'

/** Where nodes reach the server: the address it listens on or, for every address, the first name of its certificate or the name of this machine. */
export function nodeOrigin(url: string, names: readonly string[]): URL {
  const origin = new URL(url)
  if (origin.hostname !== '0.0.0.0' && origin.hostname !== '[::]') return origin
  const name = [...names.filter((candidate) => !isNodeItself(candidate)), hostname()]
    .map((candidate) => (candidate.includes(':') ? `[${candidate}]` : candidate.toLowerCase()))
    .find(isRegistry)
  origin.host = `${name ?? 'registry.example.com'}:${origin.port || (origin.protocol === 'https:' ? 443 : 80)}`
  return origin
}

/** The registry name of pushed images in a served layout. */
const ownRegistry = 'localhost'

/** One image of each registry: every repository keeps its path. Pushed images belong to this server, whatever its name. */
function imagesByRegistry(repositories: readonly Repository[], { host }: URL): readonly MirroredImage[] {
  const images = new Map<string, MirroredImage>()
  for (const { registry, path } of repositories) {
    const source = registry === ownRegistry ? host : registry
    // A mirror of registries.yaml never matches upper case.
    if (source === source.toLowerCase()) images.set(source, { source: { registry: source, path }, destination: { registry: host, path } })
  }
  return [...images.values()]
}

/** Why nodes may not reach the server at this origin; undefined where nothing is known against it. */
function nodeWarning({ host }: URL): string | undefined {
  return isNodeItself(host) ? nodeItselfWarning(host) : undefined
}

/** The registries.yaml for nodes that pull the images of the layout from this origin, with the path of its CA there; undefined for a layout without images. */
export function nodeRegistries(layout: LayoutReader, origin: URL, login: boolean, caFile?: string): string | undefined {
  const repositories = layout.repositories()
  const images = imagesByRegistry(repositories, origin)
  if (images.length === 0) return undefined
  const selection = formatCount(repositories.length, 'repository', 'repositories')
  const demands = { clientCertificate: false, login }
  return generateRegistries({ endpoint: { origin, prefix: '' }, images, selection, version, demands, caFile }).text
}

/** True where a certificate's name equals the host, or is a wildcard for it: https://www.rfc-editor.org/rfc/rfc6125#section-6.4.3 */
function covers(name: string, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  const wanted = name.toLowerCase()
  return wanted === bare || (wanted.startsWith('*.') && bare.slice(bare.indexOf('.')) === wanted.slice(1))
}

/** Notes about that file when the server starts. */
export function nodeNotes(
  origin: URL,
  { hasPasswords, names }: { readonly hasPasswords: boolean; readonly names: readonly string[] | undefined },
): readonly string[] {
  const warning = nodeWarning(origin)
  const isCovered = names === undefined || names.some((name) => covers(name, origin.hostname))
  return [
    ...(warning === undefined ? [] : [`${warning}, as in --listen <address>:${origin.port}`]),
    ...(isCovered
      ? []
      : [`the certificate is for ${names.join(', ') || 'no name'} and not for ${origin.hostname}: nodes reject it under that name`]),
    ...(hasPasswords ? ['this registry requires a password: fill in "auth"'] : []),
  ]
}

async function modifiedAt(path: string): Promise<Date | undefined> {
  return (await stat(path).catch(() => undefined))?.mtime
}

/** The sources of the page of a served layout or bundle; times are those of its files. */
export function pageSources(
  { reader, lists = [], namesPath, contentPath }: Omit<Served, keyof AsyncDisposable>,
  hasPasswords: boolean,
  caCertificate?: string,
): PageSources {
  return {
    lists,
    nodeWarning,
    nodeRegistries: (origin) => {
      try {
        return nodeRegistries(reader, origin, hasPasswords, caCertificate === undefined ? undefined : nodeCaPath)
      } catch (error) {
        // Without a registries.yaml, which cannot express every name, the page still lists the images.
        if (isMirrorError(error)) return undefined
        throw error
      }
    },
    storedAt: (digest) => modifiedAt(contentPath(digest)),
    changedAt: () => modifiedAt(namesPath),
  }
}
